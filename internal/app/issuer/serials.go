package issuer

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vidimus/internal/issuerhttp"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
)

// maxSerial is the longest serial number, in octets (RFC 5280, section 4.1.2.2).
const maxSerial = 20

// ParseSerial reads the serial number of a certificate in hexadecimal as openssl and the
// commands of this office print it: bare, after serial= or 0x, or with a colon between
// the octets.
func ParseSerial(text string) (*big.Int, error) {
	digits := strings.ToLower(strings.TrimSpace(text))
	digits = strings.TrimPrefix(digits, "serial=")
	digits = strings.TrimPrefix(digits, "0x")
	if strings.Contains(digits, ":") {
		octets := strings.Split(digits, ":")
		if slices.ContainsFunc(octets, func(o string) bool { return len(o) != 2 }) {
			return nil, fmt.Errorf("%.80q is no serial number: two digits stand between colons", text)
		}
		digits = strings.Join(octets, "")
	}
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	octets, err := hex.DecodeString(digits)
	n := new(big.Int).SetBytes(octets)
	if err != nil || n.Sign() == 0 || len(n.Bytes()) > maxSerial {
		return nil, fmt.Errorf("%.80q is no serial number in hexadecimal, as `openssl x509 -noout -serial -in FILE` prints it", text)
	}
	return n, nil
}

// ErrUnknownSerial: no certificate of the office has the serial number.
var ErrUnknownSerial = errors.New("no such certificate")

// ours is a certificate of which this office knows.
type ours struct {
	what string // "signers.mdl", a file
	cert *pki.Certificate
}

// known are the certificates of this office and the files in which they lie: what the
// configuration names, the document signers that were published and have not ended,
// and whatever else lies among the certificates.
func (c *Config) known(r roots) ([]ours, error) {
	var out []ours
	seen := map[[32]byte]bool{}
	add := func(what string, certs ...*pki.Certificate) {
		for _, cert := range certs {
			if !seen[cert.Fingerprint] && !cert.SelfSigned() {
				seen[cert.Fingerprint], out = true, append(out, ours{what, cert})
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Signers)) {
		for _, g := range c.generations(name) {
			if certs, err := readChain(c.Path(g.Chain)); err == nil { // one that is not there yet is revoked by nobody
				add(g.label, certs...)
			}
		}
	}
	add("rollover.links", r.links...)
	published, err := c.openAnnouncements()
	if err != nil {
		return nil, err
	}
	for _, e := range published.all {
		add("document signer "+e.Signer, e.leaf)
	}
	files, err := filepath.Glob(filepath.Join(c.Path(crlFolder), "*.pem"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		data, err := readLimited(file, maxChainFile)
		if err != nil {
			continue // whoever needs it says what is wrong with it
		}
		if certs, err := pki.ParsePEM(data); err == nil {
			add(filepath.Join(crlFolder, filepath.Base(file)), certs...)
		}
	}
	return out, nil
}

// maxChainFile bounds a file among the certificates, in bytes: some dozen of them.
const maxChainFile = 1 << 20

// below says whether a certificate names a root as who signed it.
func below(cert, root *pki.Certificate) bool {
	return bytes.Equal(cert.RawIssuer, root.RawSubject) && bytes.Equal(cert.AuthorityKeyID(), root.SubjectKeyID())
}

// KnownSerials refuses serial numbers that no certificate of this office has below the
// root of a list, "" is the IACA: whoever misreads a digit revokes nobody, and believes
// that he did. The error matches ErrUnknownSerial, and says which there are.
func KnownSerials(cfg *Config, list string, serials []*big.Int) error {
	r, err := cfg.loadRoots()
	if err != nil {
		return err
	}
	all, err := cfg.known(r)
	if err != nil {
		return err
	}
	revokers := cfg.revokers(r)
	i := slices.IndexFunc(revokers, func(v revoker) bool { return list == "" || v.shelf.name == list })
	if i < 0 {
		return cfg.noList(r, list)
	}
	root := revokers[i].shelf.root
	for _, serial := range serials {
		var there []string
		found, elsewhere := false, ""
		for _, o := range all {
			switch {
			case !below(o.cert, root):
				if o.cert.Cert.SerialNumber.Cmp(serial) != 0 {
					continue
				}
				elsewhere = fmt.Sprintf(": that of %s stands below another root", o.what)
				for _, v := range revokers {
					if below(o.cert, v.shelf.root) {
						elsewhere += ", say --list " + v.shelf.name
					}
				}
			case o.cert.Cert.SerialNumber.Cmp(serial) == 0:
				found = true
			default:
				there = append(there, fmt.Sprintf("%s %x (%s)", o.what, o.cert.Cert.SerialNumber, o.cert.NotAfter().UTC().Format(time.DateOnly)))
			}
		}
		if !found {
			return fmt.Errorf("%w: none of this office below %s has the serial number %x%s. There are %s", ErrUnknownSerial, root, serial, elsewhere, strings.Join(there, "; "))
		}
	}
	return nil
}

func (c *Config) noList(r roots, list string) error {
	var names []string
	for _, v := range c.revokers(r) {
		names = append(names, v.shelf.name)
	}
	return fmt.Errorf("this office has no list %q; it has %s", list, strings.Join(names, ", "))
}

// ReaderOf names the reader who has a certificate with a serial number, "" when nobody
// has.
func (d *Desk) ReaderOf(ctx context.Context, serial *big.Int) (string, error) {
	readers, err := d.Readers(ctx)
	if err != nil {
		return "", err
	}
	for _, r := range readers {
		if n, ok := new(big.Int).SetString(r.Serial, 16); ok && n.Cmp(serial) == 0 {
			return r.Name, nil
		}
	}
	return "", nil
}

// NoteRevocation writes into the audit record which certificates are about to be
// revoked, and whether the office knows them.
func (d *Desk) NoteRevocation(ctx context.Context, list string, serials []*big.Int, unknown bool) error {
	note := issuerhttp.Revocation{List: list, Unknown: unknown}
	for _, n := range serials {
		note.Serials = append(note.Serials, n.Text(16))
	}
	return d.do(ctx, http.MethodPost, issuerhttp.RevocationsPath, note, nil)
}

// NoteRevocation implements issuerhttp.Operator.
func (a *App) NoteRevocation(ctx context.Context, r issuerhttp.Revocation, actor string) error {
	if len(r.Serials) == 0 || len(r.Serials) > maxRevoked {
		return problem.New(problem.InvalidRequest, "between 1 and %d serial numbers", maxRevoked)
	}
	list := r.List
	if list == "" {
		list = a.cfg.revokers(a.roots)[0].shelf.name
	}
	if !slices.Contains(a.SignerLists(), list) {
		return problem.New(problem.InvalidRequest, "this office has no such list of revoked certificates")
	}
	for _, text := range r.Serials {
		serial, err := ParseSerial(text)
		if err != nil {
			return problem.Wrap(problem.InvalidRequest, err, "a serial number in hexadecimal is wanted")
		}
		ev := a.event("signer.revoke")
		ev.Actor = actor
		ev.Detail = map[string]string{"list": a.cfg.listURL(list), "serial": serial.Text(16)}
		if r.Unknown {
			ev.Detail["reason"] = "unknown"
		}
		if err := a.store.Append(ctx, ev); err != nil {
			return problem.Wrap(problem.Unavailable, err, "the revocation cannot be recorded")
		}
	}
	return nil
}

// AlreadyRevoked are those of the serial numbers that a list of this office names, "" is
// that of the IACA: they stay as they are, with the time at which they were revoked.
func AlreadyRevoked(cfg *Config, list string, serials []*big.Int) (out []pki.RevokedCertificate, err error) {
	r, err := cfg.loadRoots()
	if err != nil {
		return nil, err
	}
	for _, v := range cfg.revokers(r) {
		if list != "" && v.shelf.name != list {
			continue
		}
		kept, err := v.shelf.Kept()
		if err != nil {
			return nil, err
		}
		for _, e := range united(kept) {
			if slices.ContainsFunc(serials, func(n *big.Int) bool { return n.Cmp(e.Serial) == 0 }) {
				out = append(out, e)
			}
		}
		return out, nil
	}
	return nil, cfg.noList(r, list)
}

// maxRevoked bounds how many certificates one command revokes: a state has some dozen.
const maxRevoked = 100

// Revocable is what `issuer crl` asks before it revokes: that the office knows the
// certificates, or that somebody insists. What is about to be revoked is in the audit
// record when it returns; where the office cannot be opened, which is no reason to leave
// a lost key in force, noted says why.
func Revocable(ctx context.Context, cfg *Config, list string, serials []*big.Int, unknown bool) (noted, err error) {
	if len(serials) > maxRevoked {
		return nil, fmt.Errorf("at most %d serial numbers", maxRevoked)
	}
	refused := error(nil)
	if !unknown {
		refused = KnownSerials(cfg, list, serials)
		if refused != nil && !errors.Is(refused, ErrUnknownSerial) {
			return nil, refused
		}
	}
	desk, err := OpenOffice(ctx, cfg, Options{})
	if err != nil {
		switch {
		case refused != nil:
			return nil, refused
		case unknown:
			return nil, fmt.Errorf("a certificate that the office does not know is revoked when that stands in its audit record: %w", err)
		}
		return err, nil
	}
	defer desk.Close()
	if refused != nil {
		for _, serial := range serials {
			if name, err := desk.ReaderOf(ctx, serial); err == nil && name != "" {
				return nil, fmt.Errorf("%x is the certificate of the reader %s: run issuer reader revoke %q", serial, name, name)
			}
		}
		return nil, refused
	}
	if err := desk.NoteRevocation(ctx, list, serials, unknown); err != nil {
		if unknown {
			return nil, err
		}
		return err, nil
	}
	return nil, nil
}
