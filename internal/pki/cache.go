package pki

import (
	"container/list"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sync"
)

// Cache remembers chains that validated, so that a reader or a portal that
// sees one document signer many times parses and verifies it once. It is safe
// for concurrent use.
//
// A path is found again only for the same bytes, the same anchors in the same
// order and the same options, and only while PathOptions.Now lies within the
// validity of the whole path. Failures are never remembered: the next anchor
// set may trust what this one does not.
type Cache struct {
	mu      sync.Mutex
	max     int
	order   *list.List // most recently used first, of *cached
	entries map[[sha256.Size]byte]*list.Element
	sets    []anchorSet // the last few, newest last
}

// anchorSet is a long list of anchors and the digest of their fingerprints: a reader
// asks with the same thousand again and again.
type anchorSet struct {
	anchors []*Certificate
	digest  [sha256.Size]byte
}

type cached struct {
	key  [sha256.Size]byte
	path *Path
}

// NewCache makes a cache of at most max paths, about 10 KiB each.
func NewCache(max int) *Cache {
	return &Cache{max: max, order: list.New(), entries: make(map[[sha256.Size]byte]*list.Element)}
}

// Validate is the function Validate with the cache before it. The path is
// shared: do not change it. A nil cache validates every time.
func (c *Cache) Validate(chain [][]byte, anchors []*Certificate, opt PathOptions) (*Path, error) {
	if c == nil || c.max < 1 || len(chain) > MaxChain {
		return Validate(chain, anchors, opt)
	}
	key := cacheKey(chain, len(anchors), c.digest(anchors), opt)
	if p := c.get(key, opt); p != nil {
		return p, nil
	}
	p, err := Validate(chain, anchors, opt)
	if err == nil {
		c.put(key, p)
	}
	return p, err
}

// Len is how many paths are remembered.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order.Len()
}

func (c *Cache) get(key [sha256.Size]byte, opt PathOptions) *Path {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return nil
	}
	p := e.Value.(*cached).path
	if opt.Now.Before(p.NotBefore) || opt.Now.After(p.NotAfter) {
		return nil
	}
	c.order.MoveToFront(e)
	return p
}

func (c *Cache) put(key [sha256.Size]byte, p *Path) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.entries[key]; ok {
		e.Value.(*cached).path = p
		c.order.MoveToFront(e)
		return
	}
	c.entries[key] = c.order.PushFront(&cached{key, p})
	for c.order.Len() > c.max {
		last := c.order.Back()
		delete(c.entries, last.Value.(*cached).key)
		c.order.Remove(last)
	}
}

// digest is SHA-256 over the fingerprints. Certificates do not change: the same
// pointers in the same order are the same anchors.
func (c *Cache) digest(anchors []*Certificate) [sha256.Size]byte {
	if len(anchors) > fewAnchors {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i := range c.sets {
			if slices.Equal(c.sets[i].anchors, anchors) {
				return c.sets[i].digest
			}
		}
	}
	h := sha256.New()
	for _, a := range anchors {
		h.Write(a.Fingerprint[:])
	}
	digest := [sha256.Size]byte(h.Sum(nil))
	if len(anchors) > fewAnchors {
		if len(c.sets) == maxAnchorSets {
			c.sets = slices.Delete(c.sets, 0, 1)
		}
		c.sets = append(c.sets, anchorSet{slices.Clone(anchors), digest})
	}
	return digest
}

// fewAnchors are hashed at once, maxAnchorSets of more are remembered: a reader has
// one for each type of document.
const (
	fewAnchors    = 4
	maxAnchorSets = 8
)

// cacheKey is SHA-256 over everything that the answer depends on but the
// instant: each certificate with its length, the anchors, the options.
func cacheKey(chain [][]byte, anchors int, digest [sha256.Size]byte, opt PathOptions) [sha256.Size]byte {
	h := sha256.New()
	var n [8]byte
	number := func(v int) {
		binary.BigEndian.PutUint64(n[:], uint64(v))
		h.Write(n[:])
	}
	number(len(chain))
	for _, raw := range chain {
		number(len(raw))
		h.Write(raw)
	}
	number(anchors)
	h.Write(digest[:])
	number(len(opt.Purposes))
	for _, id := range opt.Purposes {
		number(len(id))
		for _, arc := range id {
			number(arc)
		}
	}
	for _, set := range []bool{opt.RequireEKU, opt.StrictEKU, opt.CheckCountry, opt.AllowRSA, opt.AllowOddSerial} {
		if set {
			number(1)
		} else {
			number(0)
		}
	}
	number(int(opt.KeyUsage))
	number(opt.MaxIntermediates)
	return [sha256.Size]byte(h.Sum(nil))
}
