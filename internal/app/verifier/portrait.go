package verifier

import (
	"vidimus/internal/outfile"
	"vidimus/internal/verification"
)

// Portrait gives the bytes of the picture of the person in the report, nil when
// there is none: JPEG or JPEG 2000, checked for its limits. The slice is the
// Report's own, and Wipe overwrites it.
func Portrait(r *verification.Report) []byte {
	for i := range r.Documents {
		for _, e := range r.Documents[i].IssuerSigned {
			if e.Name == "portrait" && len(e.Bytes) > 0 {
				return e.Bytes
			}
		}
	}
	return nil
}

// WritePortrait puts a picture into a file for the user alone: a file of that name
// is replaced, whoever could read it, and a link by the file. What is no file, such
// as a pipe, is written to.
func WritePortrait(name string, picture []byte) error {
	return outfile.Replace(name, picture, 0o600)
}
