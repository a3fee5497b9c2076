// Package officebench measures the whole office: a registry that pushes, a load
// of all persons, a database with every copy of a state in it.
//
// The tests run at a size that takes seconds and prove that the measurement
// measures: every event acknowledged, every record loaded, every copy covered.
// What issue and release are held to is measured with
//
//	./t.sh bench-office
//
// which sets OFFICEBENCH=full and fails when a promise is not kept. Figures
// stand beside the floor of the same machine at the same time: one P-256
// verification and one SHA-256 of the token, in turns in the same process. The
// registry is another process on the same cores, so that what it costs to sign
// and send does not count as the office's, and does take time from it.
//
// Start with TestPush. TestImport loads a file and is killed in the middle of
// it; TestIndices opens a database with millions of allocated indices.
//
// Sizes: OFFICEBENCH_EVENTS, OFFICEBENCH_RECORDS, OFFICEBENCH_BATCHES;
// OFFICEBENCH_DIR is a folder on the disk to be measured.
package officebench
