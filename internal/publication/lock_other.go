//go:build !unix

package publication

import "io/fs"

// lock is none where the system has no flock: one process writes a folder.
func (d *folderDisk) lock() (func(), error) { return func() {}, d.inPlace() }

func inode(fs.FileInfo) uint64 { return 0 }
