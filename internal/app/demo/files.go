package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"vidimus/internal/fetch"
	"vidimus/internal/jose"
)

// keepFile writes a file of what the reader saw, for cmd/verifier.
func (s *story) keepFile(name string, data []byte) error {
	path := s.seen(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// seen is the path of such a file.
func (s *story) seen(name string) string { return filepath.Join(s.dir, "seen", name) }

// keepLists writes the status lists as they were fetched.
func (s *story) keepLists(suffix string) error {
	for mediaType, ending := range map[string]string{fetch.TypeStatusListCWT: "cwt", fetch.TypeStatusListJWT: "jwt"} {
		lists := s.reader.lists[mediaType]
		for i, uri := range slices.Sorted(maps.Keys(lists)) {
			name := fmt.Sprintf("status%s.%s", suffix, ending)
			if i > 0 {
				name = fmt.Sprintf("status%s-%d.%s", suffix, i+1, ending)
			}
			if err := s.keepFile(name, lists[uri]); err != nil {
				return err
			}
		}
	}
	return s.keepFile(revokedSigners, s.reader.crls.All()[0].Raw)
}

// revokedSigners is the name of the file with the list of revoked signers.
const revokedSigners = "signers.crl"

// keepPresentation writes the answer of a session with what it takes to verify
// it once more: the transcript, and the reader's key of that session, since the
// holder's proof is a MAC.
func (s *story) keepPresentation(name string, e *encounter) error {
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), e.reader.Key().Bytes())
	if err != nil {
		return err
	}
	jwk, err := jose.MarshalPrivateKey(key)
	if err != nil {
		return err
	}
	for ending, data := range map[string][]byte{"mdoc": e.answer, "transcript": e.reader.Transcript(), "reader-key.jwk": jwk} {
		if err := s.keepFile(name+"."+ending, data); err != nil {
			return err
		}
	}
	return nil
}

// epilogue says what there is to try, when the folder stays.
func (s *story) epilogue(passing bool) {
	if passing {
		s.tell.line("To try by hand: go run ./cmd/demo --keep")
		return
	}
	s.tell.line("Verify again what the reader saw (from the root of the repository):")
	for _, c := range s.rechecks() {
		s.tell.line("  %s", c.Line())
	}
}
