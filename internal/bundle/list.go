package bundle

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/statuslist"
)

// listKey is how a list is found: its address in the container that the
// credential needs.
type listKey struct {
	uri    string
	format statuslist.Format
}

// listEntry is a list of the bundle.
type listEntry struct {
	ListInfo
	token  []byte // a slice of the file
	opened *statuslist.Opened
	err    error // why it cannot be read
}

// open reads the token, and proves its signature under the certificate that it
// carries, once for all who will ask. What cannot be read, or was signed with
// another key, stays in the bundle: whoever asks finds that out, as for any list.
func (e *listEntry) open(leaves *leaves) {
	e.opened = &statuslist.Opened{Raw: e.token}
	var envelope *statuslist.Envelope
	if e.Identifiers {
		var l *statuslist.IdentifierList
		if l, e.err = statuslist.ParseIdentifierList(e.token); e.err != nil {
			return
		}
		e.opened.Identifiers, envelope = l, &l.Envelope
	} else {
		var t *statuslist.Token
		if t, e.err = statuslist.ParseToken(e.token); e.err != nil {
			return
		}
		e.opened.List, envelope = t, &t.Envelope
	}
	if len(envelope.Chain) == 0 {
		return
	}
	if leaf := leaves.parse(envelope.Chain[0]); leaf != nil {
		// An error means that whoever asks verifies it again, and hears it then.
		_ = envelope.Prove(leaf.PublicKey())
	}
}

// leaves are the certificates of those who signed the lists: a few for many.
type leaves struct {
	mu    sync.Mutex
	known map[string]*pki.Certificate // nil for what cannot be read
}

func (l *leaves) parse(der []byte) *pki.Certificate {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.known[string(der)]
	if !ok {
		c, _ = pki.ParseCertificate(der) // nil with an error
		l.known[string(der)] = c
	}
	return c
}

// forms are looked through when a list is not there in the form asked for.
var forms = []statuslist.Format{statuslist.FormatJWT, statuslist.FormatCWT}

// List gives the token of a status or identifier list as its issuer published it;
// do not change it. Whether its issuer may speak for a document is the caller's to
// find out. Errors match ErrNotCarried, ErrListExpired or ErrEnded: in each case
// nobody knows what became of the document.
func (b *Bundle) List(uri string, format statuslist.Format, now time.Time) ([]byte, error) {
	e, err := b.entry(uri, format, now)
	if err != nil {
		return nil, err
	}
	return e.token, nil
}

// Opened is List for whoever asks often: the token was read and its signature
// proven when the bundle was opened. Whether its signer may speak for a document
// is, here too, the caller's to find out, and unlocks it.
func (b *Bundle) Opened(uri string, format statuslist.Format, now time.Time) (*statuslist.Opened, error) {
	e, err := b.entry(uri, format, now)
	if err != nil {
		return nil, err
	}
	return e.opened, nil
}

// Token is Opened for a status list; it stays compressed until somebody who has
// verified its signature asks it. Errors are those of List, or a *statuslist.Error.
func (b *Bundle) Token(uri string, format statuslist.Format, now time.Time) (*statuslist.Token, error) {
	e, err := b.entry(uri, format, now)
	switch {
	case err != nil:
		return nil, err
	case e.err != nil:
		return nil, e.err
	}
	return e.opened.Token()
}

// Status is what a list says about an entry, once its signature was verified
// (Token); without memory of its own, for readers that ask often.
func (b *Bundle) Status(uri string, format statuslist.Format, index uint64, now time.Time) (statuslist.Status, error) {
	t, err := b.Token(uri, format, now)
	if err != nil {
		return 0, err
	}
	list, err := t.List()
	if err != nil {
		return 0, err
	}
	return list.Get(index)
}

func (b *Bundle) entry(uri string, format statuslist.Format, now time.Time) (*listEntry, error) {
	i, ok := b.byURI[listKey{uri, format}]
	if !ok {
		return nil, b.notCarried(uri, format)
	}
	e := &b.lists[i]
	switch {
	case b.Ended(now):
		return nil, fmt.Errorf("%w: %s ended at %s", ErrEnded, b.Source(), b.Expires.Format(time.RFC3339))
	case !e.Expires.IsZero() && !now.Before(e.Expires):
		return nil, fmt.Errorf("%w: it ended at %s, and the bundle is of %s", ErrListExpired, e.Expires.Format(time.RFC3339), b.Issued.Format(time.RFC3339))
	}
	return e, nil
}

func (b *Bundle) notCarried(uri string, format statuslist.Format) error {
	for _, other := range forms {
		if _, ok := b.byURI[listKey{uri, other}]; ok && other != format {
			return fmt.Errorf("%w as %s: %s has it as %s", ErrNotCarried, format, b.Source(), other)
		}
	}
	if len(b.Countries) > 0 {
		return fmt.Errorf("%w: %s is for %v", ErrNotCarried, b.Source(), b.Countries)
	}
	return fmt.Errorf("%w: %s has %d lists, not this one", ErrNotCarried, b.Source(), len(b.lists))
}

// listed puts the lists into their order.
func listed(lists []listEntry) {
	slices.SortFunc(lists, func(x, y listEntry) int {
		switch {
		case x.URI != y.URI:
			if x.URI < y.URI {
				return -1
			}
			return 1
		case x.Format < y.Format:
			return -1
		case x.Format > y.Format:
			return 1
		}
		return 0
	})
}
