// Package issuancebench measures the issuer as wallets meet it: the program as
// it is released, over loopback, with its database on a disk.
//
// The tests run at a size that takes seconds and prove that the measurement
// measures: every request answered, every copy counted. What issuance is held to
// is measured with
//
//	./t.sh bench-issuance
//
// which sets ISSUANCEBENCH=full and fails when a promise is not kept. The issuer
// is a process of its own, whose processor time the kernel counts; the wallets
// are this process, on the same cores, so that what they cost takes time from
// the issuer and does not count as its own. What they sign in advance they sign
// before the clock runs. Beside each figure stands the floor: the cryptography
// without which no such request can be answered, in turns with it, on all cores.
//
// Start with TestIssuanceBatch. TestIssuanceFlow goes from the pushed request to the credential,
// without the login; TestIssuanceEndurance watches memory and latency below saturation,
// TestIssuanceOverload what becomes of more requests than can be served, and TestIssuancePeer
// (build tag interop) puts an issuer of other people's libraries under the same
// wallets.
//
// Sizes: ISSUANCEBENCH_ROUNDS, ISSUANCEBENCH_REQUESTS,
// ISSUANCEBENCH_CROWD, ISSUANCEBENCH_MINUTES;
// ISSUANCEBENCH_DIR is a folder on the disk to be measured,
// ISSUANCEBENCH_PROFILE a file for a profile of the issuer under batches.
package issuancebench
