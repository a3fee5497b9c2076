// Package consoletest is a whole office with a console, in memory and with a
// clock that moves only when told: real inbox, real store, real publisher, a few
// people with copies on phones, and named officers. It is for the tests of the
// pages, in Go and in a browser.
//
// Start with New. Nothing of it is to be trusted: keys and people are made up.
package consoletest
