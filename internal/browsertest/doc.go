// Package browsertest drives pages in a real browser, for tests: it starts
// Chromium, opens tabs with cookies of their own, and holds pages to WCAG 2.1 with
// axe-core. All of it is behind the build tag e2e; `./t.sh e2e` installs what it
// needs. SCREENSHOTS names a folder for a picture of everything that is looked at.
//
// Start with Chromium.
package browsertest
