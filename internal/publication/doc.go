// Package publication keeps the status lists as files, so that any web server
// or CDN can serve them and they outlive the office.
//
// Start with Open and give the Folder to a status.Publisher as its Sink. Read
// takes such a folder apart again, verified, for restoring a backup and for
// noticing that a database was put back.
//
// The folder:
//
//	status/<id>.jwt, status/<id>.cwt   what GET <public URL>/status/<id> gives
//	status/index.json                  what GET <public URL>/status gives
//	identifiers/<id>.cwt               what GET <public URL>/identifiers/<id> gives
//	manifest.json                      path, uri, version, iat, exp, size,
//	                                   sha256, media_type and etag of each
//
// Beside them the office puts what is not of this package and in no manifest:
// crl/NAME.crl, lists of revoked certificates, trust/, lists that say who issues,
// and certificates/.
//
// Files are the very bytes that the office serves. They are readable for
// everyone (0644), and a server chooses between the two forms by Accept; names
// that begin with a dot are not to be served.
//
// Promised: each file is replaced as a whole and is durable before the
// manifest names it (written beside, synced, renamed, the folder synced). The
// manifest is written last: who copies the folder takes the files that it
// names, and reads it again when one has another digest. A crash between any
// two steps leaves each file whole, old or new; the next Open or Put finds out
// which, by a journal of the step. Two processes take turns (a lock on the
// folder), and what is older in version or iat than what is there is refused,
// whoever brings it: ErrBackwards.
//
// A file that somebody else changed or took away is written anew with the next
// publication; what the manifest says of its version still counts. A manifest
// that cannot be read stops everything, since nobody could say any longer what
// was published.
package publication
