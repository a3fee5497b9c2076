// Package readertest uses the page of a reader in a real browser: a scanner that
// types, a camera that sees a code, and every verdict. It has tests only, behind the
// build tag e2e; `./t.sh e2e` installs what they need and runs them. SCREENSHOTS
// names a folder for pictures of every page.
package readertest
