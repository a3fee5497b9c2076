package signer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"vidimus/internal/audit"
	"vidimus/internal/jose"
	"vidimus/internal/outfile"
	"vidimus/internal/pki"
	"vidimus/internal/signer"
	"vidimus/internal/signer/socket"
)

// listFolder is a signer.Memory in files: what the key with a thumbprint signed last of
// a series stands in THUMBPRINT.SERIES, and an empty file says that there was none. A
// file that is missing says nothing.
type listFolder string

var _ signer.Memory = listFolder("")

func (d listFolder) path(keyID, series string) string {
	return filepath.Join(string(d), keyID+"."+series)
}

// Last implements signer.Memory.
func (d listFolder) Last(keyID, series string) ([]byte, error) {
	path := d.path(keyID, series)
	info, err := os.Stat(path)
	if err == nil && info.Size() > signer.MaxMessage {
		return nil, fmt.Errorf("%s has %d bytes, and is none that this signer wrote", path, info.Size())
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: %s is missing: put it back from a backup, or stop the signer and tell it by signer lists take KEY FILE, with the newest list that was published", signer.ErrForgotten, path)
	case err != nil:
		return nil, fmt.Errorf("reading the last list: %w", err)
	case len(data) == 0:
		return nil, nil
	}
	return data, nil
}

// Keep implements signer.Memory.
func (d listFolder) Keep(keyID, series string, message []byte) error {
	return outfile.Replace(d.path(keyID, series), message, 0o600)
}

// begin makes the folder, and says of each series of which nothing is there and of which
// the record has no list that there was none: a list that the record has and the folder
// has not is forgotten, and nothing follows it until somebody says what it was.
func (d listFolder) begin(cfg *Config) error {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return fmt.Errorf("making the folder of lists: %w", err)
	}
	missing := map[string]string{} // path by key and series
	for name := range cfg.Keys {
		policy, err := cfg.policy(name)
		if err != nil {
			return fmt.Errorf("keys.%s: %w", name, err)
		}
		names := signer.SeriesOf(policy)
		if len(names) == 0 {
			continue
		}
		_, keyID, err := cfg.leaf(name)
		if err != nil {
			return fmt.Errorf("keys.%s: %w", name, err)
		}
		for _, series := range names {
			if path := d.path(keyID, series); !exists(path) {
				missing[path] = keyID + "." + series
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	signed, err := listsOf(cfg.Path(cfg.Audit))
	if err != nil {
		return err
	}
	for path, what := range missing {
		if _, was := signed[what]; was {
			continue // Last says so
		}
		if err := outfile.Replace(path, nil, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// CheckLists holds the folder of lists against the whole record: a list that is missing
// there, and one that was put back though the record has a later one. What the record
// has not was remembered just before a crash, and never signed.
func CheckLists(cfg Config) error {
	signed, err := listsOf(cfg.Path(cfg.Audit))
	if err != nil {
		return err
	}
	var errs []error
	folder := listFolder(cfg.Path(cfg.Lists))
	for _, name := range slices.Sorted(maps.Keys(cfg.Keys)) {
		policy, err := cfg.policy(name)
		if err != nil || len(signer.SeriesOf(policy)) == 0 {
			continue
		}
		leaf, keyID, err := cfg.leaf(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("keys.%s: %w", name, err))
			continue
		}
		for _, series := range signer.SeriesOf(policy) {
			was := signed[keyID+"."+series]
			last, err := folder.Last(keyID, series)
			switch {
			case err != nil && was != nil:
				errs = append(errs, fmt.Errorf("keys.%s: %w", name, err))
			case err != nil || was == nil || last == nil:
			default:
				digest, err := signer.RequestDigest(leaf.PublicKey(), last)
				if err != nil {
					errs = append(errs, fmt.Errorf("keys.%s: %w", name, err))
				} else if was.earlier[digest] && digest != was.digest {
					errs = append(errs, fmt.Errorf("keys.%s: the last list of %s in %s was followed by another one, in line %d of the record: find out who put it there, and tell the signer by signer lists take KEY FILE", name, series, folder, was.seq))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// leaf reads the certificate of a key, and gives its thumbprint too.
func (c *Config) leaf(name string) (*pki.Certificate, string, error) {
	chain, err := readChain(c.Path(c.Keys[name].Chain))
	if err != nil {
		return nil, "", err
	}
	leaf, err := pki.ParseCertificate(chain[0])
	if err != nil {
		return nil, "", err
	}
	thumbprint, err := jose.Thumbprint(leaf.PublicKey())
	return leaf, jose.EncodeBase64URL(thumbprint), err
}

// listed is the last line of a list of one key and series in a record.
type listed struct {
	name, key, series, digest string
	seq                       uint64
	earlier                   map[string]bool // digests of the lines before
}

// several is the kind of a line for messages of different kinds, which may have had a
// list among them before lists were signed alone.
const several = "several"

// seriesIn are the series that a line of the record may speak of.
func seriesIn(detail map[string]string) []string {
	kind := signer.Kind(detail["kind"])
	switch series := detail["series"]; {
	case series != "":
		return []string{series}
	case kind == several:
		var all []string
		for _, k := range signer.Kinds() {
			all = append(all, k.Series()...)
		}
		return all
	}
	return kind.Series()
}

// listsOf reads a record for lists that were signed, by key and series. What the record
// before it had stands at the beginning of one that continues it.
func listsOf(record string) (map[string]*listed, error) {
	f, err := os.Open(record)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]*listed{}
	_, err = audit.Verify(f, func(seq uint64, e audit.Event) error {
		if e.Outcome != audit.Intent && e.Action != actionLast {
			return nil
		}
		for _, series := range seriesIn(e.Detail) {
			what := e.Detail["key"] + "." + series
			l := out[what]
			if l == nil {
				l = &listed{earlier: map[string]bool{}}
				out[what] = l
			} else if e.Detail["kind"] == several { // it says no more than that there may be one
				continue
			}
			if l.digest != "" {
				l.earlier[l.digest] = true
			}
			l.name, l.key, l.series, l.digest, l.seq = e.Subject, e.Detail["key"], series, e.Detail["digest"], seq
		}
		return nil
	})
	if errors.Is(err, audit.ErrTorn) {
		err = nil // a line that is being written
	}
	return out, err
}

// actionLast is a line of a record that says what was the last list of a key: of the
// record before, or of somebody who knows.
const actionLast = "list.last"

// event is the line.
func (l *listed) event(opts Options, actor string) audit.Event {
	return audit.Event{Time: opts.Clock.Now(), Action: actionLast, Actor: actor, Subject: l.name, Outcome: audit.Done,
		Detail: map[string]string{"key": l.key, "kind": string(signer.KindOfSeries(l.series)), "series": l.series, "digest": l.digest}}
}

// TakeList tells a signer that does not run what a key signed last, by a list as it was
// published: after a loss, or where the key comes from another machine. It takes none
// that goes behind what is known. note says what the record has of later ones.
func TakeList(cfg Config, name string, data []byte, opts Options) (taken signer.Listed, note string, err error) {
	opts.fill()
	if _, ok := cfg.Keys[name]; !ok {
		return taken, "", fmt.Errorf("keys.%s is not in the configuration", name)
	}
	leaf, _, err := cfg.leaf(name)
	if err != nil {
		return taken, "", err
	}
	policy, err := cfg.policy(name)
	if err != nil {
		return taken, "", err
	}
	if taken, err = signer.ReadListed(data, leaf); err != nil {
		return taken, "", err
	}
	if !slices.Contains(signer.SeriesOf(policy), taken.Series.Name) {
		return taken, "", fmt.Errorf("the key %s signs no list of %s", name, taken.Series.Name)
	}
	record, done, err := alone(&cfg)
	if err != nil {
		return taken, "", err
	}
	defer done()
	folder := listFolder(cfg.Path(cfg.Lists))
	if err := os.MkdirAll(string(folder), 0o700); err != nil {
		return taken, "", err
	}
	last, err := folder.Last(taken.KeyID, taken.Series.Name)
	if err == nil && last != nil {
		err = taken.Follows(last)
	}
	if err != nil && !errors.Is(err, signer.ErrForgotten) {
		return taken, "", err
	}
	signed, err := listsOf(cfg.Path(cfg.Audit))
	if err != nil {
		return taken, "", err
	}
	switch was := signed[taken.KeyID+"."+taken.Series.Name]; {
	case was == nil:
		note = "the record has no list of this key: it was signed elsewhere"
	case was.digest == taken.Digest:
		note = "it is the last one in the record"
	case !was.earlier[taken.Digest]:
		note = "the record does not have it"
	default:
		note = fmt.Sprintf("the record has another one after it, in line %d: look whether that was published", was.seq)
	}
	line := listed{name: name, key: taken.KeyID, series: taken.Series.Name, digest: taken.Digest}
	if err := record.Append(context.Background(), line.event(opts, "signer lists take")); err != nil {
		return taken, "", err
	}
	return taken, note, folder.Keep(taken.KeyID, taken.Series.Name, taken.Message)
}

// NoList tells a signer that does not run that a key never signed a list of a series,
// where it does not know: what stands in the record was not signed in the end, or not
// published. It refuses where a list is known.
func NoList(cfg Config, name, series string, opts Options) error {
	opts.fill()
	if _, ok := cfg.Keys[name]; !ok {
		return fmt.Errorf("keys.%s is not in the configuration", name)
	}
	policy, err := cfg.policy(name)
	if err != nil {
		return err
	}
	if all := signer.SeriesOf(policy); !slices.Contains(all, series) {
		return fmt.Errorf("the key %s signs no list of %q: it has %q", name, series, all)
	}
	_, keyID, err := cfg.leaf(name)
	if err != nil {
		return err
	}
	record, done, err := alone(&cfg)
	if err != nil {
		return err
	}
	defer done()
	folder := listFolder(cfg.Path(cfg.Lists))
	switch _, err := folder.Last(keyID, series); {
	case err == nil:
		return fmt.Errorf("the signer knows what %s signed last of %s: see signer status", name, series)
	case !errors.Is(err, signer.ErrForgotten):
		return err
	}
	if err := os.MkdirAll(string(folder), 0o700); err != nil {
		return err
	}
	line := listed{name: name, key: keyID, series: series, digest: noList}
	if err := record.Append(context.Background(), line.event(opts, "signer lists none")); err != nil {
		return err
	}
	return folder.Keep(keyID, series, nil)
}

// noList stands in the record for the digest of a list that never was.
const noList = "none"

// alone gives the record to who is alone with it and with the socket.
func alone(cfg *Config) (*record, func(), error) {
	l, err := socket.Listen(cfg.Path(cfg.Socket), -1)
	if err != nil {
		return nil, nil, err
	}
	r, _, err := openRecord(cfg)
	if err != nil {
		l.Close()
		return nil, nil, err
	}
	return r, func() { r.close(); l.Close() }, nil
}
