// Package guesttest is machines for tests: a kernel of Debian in an emulator, without
// KVM, whose first process is the test program itself.
//
// On the host, [Files] makes the first file system and [Command] starts the machine.
// In it, TestMain calls [Begin] before anything else and [End] at the end; that it is
// in there, a test program sees by its process id, 1.
package guesttest
