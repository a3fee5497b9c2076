// Package faulttest makes the issuer fail, and looks at what is left.
//
// The tests build the real program, let registries push, wallets fetch and
// readers look at lists, all at the same time, and kill the process, let its
// system calls fail, fill its disk, or cut the power of the machine that it
// runs on. What the clients were told is written down, and package invariants
// holds it against the database, the audit record and the lists.
//
// Start with TestKill. Each experiment has a control beside it: a build that
// does what it must never do (package faults) has to be caught, or the
// experiment sees nothing; docs/TRACKRECORD.md lists them. A run that did too
// little is void, and fails. What an operator's commands do is killed too:
// TestBackupKilled, TestRestoreKilled, TestImportKilled.
//
// All but the race of 64 pushers and issuers has the build tag faults:
//
//	go test -tags nomsgpack,faults ./internal/app/faulttest
//
// FAULTS=full takes the counts of a release (1,000 kills at random and at
// points, every system call, 20 power cuts), anything else those of a commit.
// FAULTS_SEED repeats the choices of a run, as it printed them; what the
// machine makes of them is its own. Needed are Linux, root for the full disk,
// and for the power cut qemu-system-x86 and linux-image-cloud-amd64 of Debian.
package faulttest
