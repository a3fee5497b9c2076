// Package faults names the places where tests make the program fail.
//
// A point stands where a crash, an error or a wait would hurt most: between
// two writes, after a signature, before an answer. In a release build Point,
// Err and Wrong are empty and vanish with their names: a test searches the
// built program for them. With the build tag faults the environment says what
// happens:
//
//	VIDIMUS_FAULT=name:kill:3        SIGKILL to the process at the third hit
//	VIDIMUS_FAULT=name:exit:1        exit status 7 at the first hit
//	VIDIMUS_FAULT=name:error:2       the second hit of an Err point fails
//	VIDIMUS_FAULT=name:sleep:50      every hit waits 50 ms
//	VIDIMUS_WRONG=name               the program does what it must never do
//
// Several are joined with commas. Start at Points, the closed list: each name
// has a sentence and stands in the program at least once, which a test
// enforces. Unknown names and acts stop the program at its start: a typing
// error must not look like a test that passed.
//
// Wrong is for the control of an experiment: a program that acknowledges
// before it has committed must be caught by the same test that the real one
// passes, or that test sees nothing.
package faults
