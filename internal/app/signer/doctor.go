package signer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"vidimus/internal/diagnosis"
	"vidimus/internal/keys"
	"vidimus/internal/keys/pkcs11"
	"vidimus/internal/pki"
	"vidimus/internal/problem"
	"vidimus/internal/signer"
	"vidimus/internal/signer/socket"
)

// Alarms for the end of a certificate, in days.
const (
	lookDays  = 30
	wrongDays = 7
)

// Diagnose asks the signer that runs, and looks at the files; where none runs it opens
// the keys itself. full reads the whole record.
func Diagnose(ctx context.Context, cfg Config, opts Options, full bool) *diagnosis.Diagnosis {
	opts.fill()
	d := &diagnosis.Diagnosis{}
	if err := onlyOurs(cfg.StateDir); err != nil {
		d.Add("record", cfg.StateDir, diagnosis.Wrong, "run signer init, or name the right state_dir", "%v", err)
		return d
	}
	now := opts.Clock.Now()
	st, running := diagnoseSocket(ctx, &cfg, d)
	_, err := readable(cfg.Path(cfg.Audit))
	closed := errors.Is(err, fs.ErrPermission)
	if closed {
		d.Add("record", cfg.Path(cfg.Audit), diagnosis.Wrong, cmp.Or(stranger(cfg.StateDir, os.Geteuid()), "give the record back to the user of the signer: chown"), "%v", err)
	} else {
		diagnoseRecord(&cfg, d, running, full)
		diagnoseLists(&cfg, d, running, full)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Keys)) {
		diagnoseCertificate(&cfg, d, name, now)
	}
	if running {
		for _, k := range st.Keys {
			g, detail := diagnosis.Good, fmt.Sprintf("%d requests signed, %d messages, %d refused, %d failed, p99 %s", k.Requests, k.Messages, refused(k.Refused), k.Failures, k.P99.Round(time.Microsecond))
			if k.Failures > 0 {
				g = diagnosis.Look
			}
			d.Add("keys", k.Name, g, "see the log of the signer", "%s", detail)
			for _, l := range k.Lists {
				g := diagnosis.Good
				if l.Forgotten {
					g = diagnosis.Wrong
				}
				d.Add("lists", k.Name, g, "put the folder of lists back from a backup, or stop the signer and run signer lists take "+k.Name+" FILE with the newest list that was published", "%s", seriesText(l))
			}
		}
		for _, line := range st.Notes {
			g := diagnosis.Good
			if !strings.Contains(line, ": connected,") {
				g = diagnosis.Wrong
			}
			d.Add("tokens", "token", g, "see that the token and its module work, and its PIN file", "%s", strings.TrimPrefix(line, "token "))
		}
		return d
	}
	if closed { // the keys are that user's too
		return d
	}
	v, err := openKeys(ctx, &cfg, opts.Logger)
	if err != nil {
		d.Add("keys", "all", diagnosis.Wrong, keysRemedy(err), "%v", err)
		return d
	}
	defer v.close()
	for _, k := range v.keys {
		leaf, err := pki.ParseCertificate(k.Chain[0])
		if err == nil {
			err = keys.Prove(k.Signer, leaf.Cert, opts.Rand)
		}
		if err != nil {
			d.Add("keys", k.Name, diagnosis.Wrong, "put the certificate of this key into its chain, or name the key of this certificate", "%v", err)
			continue
		}
		d.Add("keys", k.Name, diagnosis.Good, "", "signs for its certificate")
	}
	return d
}

// seriesText says how a series of lists stands.
func seriesText(l signer.Series) string {
	switch {
	case l.Forgotten:
		return l.Name + ": which list was signed last is not known: none is signed"
	case l.Issued.IsZero():
		return l.Name + ": none was signed"
	case l.Name == "crl":
		return fmt.Sprintf("%s: number %d of %s, %d revoked", l.Name, l.Number, l.Issued.UTC().Format(time.RFC3339), l.Revoked)
	}
	return fmt.Sprintf("%s: number %d of %s", l.Name, l.Number, l.Issued.UTC().Format(time.RFC3339))
}

func refused(counts map[signer.Reason]uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

func diagnoseSocket(ctx context.Context, cfg *Config, d *diagnosis.Diagnosis) (socket.Status, bool) {
	path := cfg.Path(cfg.Socket)
	st, err := AskStatus(ctx, *cfg)
	if err == nil {
		d.Add("socket", path, diagnosis.Good, "", "a signer answers: %d connected, %d requests under way, %d peers turned away", st.Connected, st.InFlight, st.Turned)
		return st, true
	}
	if exists(path) && problem.KindOf(err) == problem.Unavailable {
		d.Add("socket", path, diagnosis.Wrong, "see that signer serve runs, as this user; or add this user to peers.users", "%v", err)
	} else if _, serr := os.Lstat(path); errors.Is(serr, fs.ErrPermission) {
		d.Add("socket", path, diagnosis.Look, "run this as the user of the signer", "whether a signer runs cannot be seen: %v", serr)
	} else {
		d.Add("socket", path, diagnosis.Look, "start signer serve", "no signer runs")
	}
	return socket.Status{}, false
}

func diagnoseRecord(cfg *Config, d *diagnosis.Diagnosis, running, full bool) {
	path := cfg.Path(cfg.Audit)
	switch {
	case !exists(path):
		d.Add("record", path, diagnosis.Wrong, "run signer init where none was ever there; else put it back from a backup", "there is no record")
	case full:
		head, err := VerifyRecord(*cfg)
		if err != nil && !(running && head.Seq > 0 && isTorn(err)) { // a line that is being written
			d.Add("record", path, diagnosis.Wrong, "find out who changed it, and put it back from a backup", "%v", err)
			return
		}
		d.Add("record", path, diagnosis.Good, "", "%d lines, whole", head.Seq)
	default:
		m, err := readMark(cfg.Path(cfg.Mark))
		if err != nil {
			d.Add("record", cfg.Path(cfg.Mark), diagnosis.Wrong, "see the message", "%v", err)
			return
		}
		d.Add("record", path, diagnosis.Good, "", "%d lines when it was last marked; --full verifies them", m.Head.Seq)
	}
}

// readWhole is up to which length a record is read whenever somebody looks.
var readWhole int64 = 16 << 20

const listsRemedy = "put the folder of lists back from a backup, or stop the signer and run signer lists take KEY FILE with the newest list that was published"

// diagnoseLists looks whether what was signed last is remembered: a signer that runs says
// so itself. Of a record that is too long to be read it says what is missing, not since when.
func diagnoseLists(cfg *Config, d *diagnosis.Diagnosis, running, full bool) {
	folder := cfg.Path(cfg.Lists)
	info, err := os.Stat(cfg.Path(cfg.Audit))
	if err != nil || running && !full {
		return
	}
	if full || info.Size() <= readWhole {
		if err := CheckLists(*cfg); err != nil {
			d.Add("lists", folder, diagnosis.Wrong, listsRemedy, "%v", err)
		}
		return
	}
	if exists(folder) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Keys)) {
		if policy, err := cfg.policy(name); err == nil && len(signer.SeriesOf(policy)) > 0 {
			d.Add("lists", folder, diagnosis.Wrong, listsRemedy, "the folder is missing, though there is a record: what %s signed last is not known; --full says what the record has", name)
			return
		}
	}
}

// isTorn: the record ends in the middle of a line.
func isTorn(err error) bool { return strings.HasSuffix(err.Error(), "ends without a newline") }

func diagnoseCertificate(cfg *Config, d *diagnosis.Diagnosis, name string, now time.Time) {
	chain, err := readChain(cfg.Path(cfg.Keys[name].Chain))
	var leaf *pki.Certificate
	if err == nil {
		leaf, err = pki.ParseCertificate(chain[0])
	}
	if err != nil {
		d.Add("certificates", name, diagnosis.Wrong, "put the certificate of the key there", "%v", err)
		return
	}
	left := leaf.NotAfter().Sub(now)
	days := int(left / (24 * time.Hour))
	const remedy = "a ceremony makes the next one (docs/KEYS.md)"
	switch {
	case now.Before(leaf.NotBefore()):
		d.Add("certificates", name, diagnosis.Wrong, "wait, or see the clock of this machine", "%s holds from %s", leaf, leaf.NotBefore().UTC().Format(time.RFC3339))
	case left <= 0:
		d.Add("certificates", name, diagnosis.Wrong, remedy, "%s has ended at %s: nothing is signed with it", leaf, leaf.NotAfter().UTC().Format(time.RFC3339))
	case days < 1:
		d.Add("certificates", name, diagnosis.Wrong, remedy+", today", "%s ends in less than a day", leaf)
	case days < wrongDays:
		d.Add("certificates", name, diagnosis.Wrong, remedy, "%s ends in %d days", leaf, days)
	case days < lookDays:
		d.Add("certificates", name, diagnosis.Look, remedy, "%s ends in %d days", leaf, days)
	default:
		d.Add("certificates", name, diagnosis.Good, "", "%s holds for %d days", leaf, days)
	}
}

// AskStatus asks the signer of a configuration how it stands.
func AskStatus(ctx context.Context, cfg Config) (socket.Status, error) {
	c, err := socket.Dial(ctx, cfg.Path(cfg.Socket), socket.Options{})
	if c != nil {
		defer c.Close()
	}
	if err != nil {
		return socket.Status{}, err
	}
	return c.Status(ctx)
}

// StatusText writes how a signer stands for a terminal.
func StatusText(st socket.Status) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d connected, %d requests under way, %d bytes of large ones, %d peers turned away, %d requests for keys that are not there\n",
		st.Connected, st.InFlight, st.BytesTaken, st.Turned, st.Unknown)
	for _, k := range st.Keys {
		fmt.Fprintf(&b, "%s (%s, until %s): %d requests, %d messages, %d failed, p50 %s, p99 %s\n", k.Name, k.Profile, k.Until.UTC().Format(time.DateOnly),
			k.Requests, k.Messages, k.Failures, k.P50.Round(time.Microsecond), k.P99.Round(time.Microsecond))
		for _, reason := range signer.Reasons() {
			if n := k.Refused[reason]; n > 0 {
				fmt.Fprintf(&b, "  refused for its %s: %d\n", reason, n)
			}
		}
		for _, l := range k.Lists {
			fmt.Fprintf(&b, "  last list %s\n", seriesText(l))
		}
	}
	for _, line := range st.Notes {
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// CheckFiles says what of a state folder would keep the signer from starting, without
// making the socket.
func CheckFiles(ctx context.Context, cfg Config, opts Options) error {
	opts.fill()
	if err := onlyOurs(cfg.StateDir); err != nil {
		return err
	}
	v, err := openKeys(ctx, &cfg, opts.Logger)
	if err != nil {
		return strangers(err, cfg.StateDir, os.Geteuid())
	}
	defer v.close()
	// A service that proves every key and is thrown away: nobody can ask it.
	_, err = signer.New(signer.Config{Keys: v.keys, Audit: nowhere{}, Clock: opts.Clock, Rand: opts.Rand})
	return err
}

// keysRemedy is for keys that do not open. It never advises to make a key where one
// was, or may be.
func keysRemedy(err error) string {
	switch {
	case errors.Is(err, pkcs11.ErrPIN) && errors.Is(err, fs.ErrNotExist), errors.Is(err, pkcs11.ErrPIN) && errors.Is(err, fs.ErrPermission):
		return "see that pin-source names the file of the PIN and the user of the signer can read it: under systemd (LoadCredential) it is there only while the unit runs, so look with the unit up"
	case errors.Is(err, pkcs11.ErrPIN):
		return "put the right PIN into its file: under systemd (LoadCredential) it is there only while the unit runs, so look with the unit up"
	case errors.Is(err, pkcs11.ErrUnavailable):
		return "see that the token is there and its module can read it (SoftHSM: is SOFTHSM2_CONF set for this command too?)"
	case errors.Is(err, fs.ErrNotExist):
		return "name the key that is there; only a key that has no certificate yet is made: signer key create"
	}
	return "see the message, and docs/KEYS.md"
}
