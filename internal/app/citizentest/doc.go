// Package citizentest clicks through the pages for citizens in a real browser:
// the page of the authorization endpoint and the pages below /my. It has tests
// only, behind the build tag e2e; `./t.sh e2e` installs what they need and runs
// them. SCREENSHOTS names a folder for pictures of every page.
package citizentest
