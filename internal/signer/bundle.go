package signer

import (
	"vidimus/internal/bundle"
	"vidimus/internal/cbor"
)

// readBundle holds what offline readers are to know against the policy of a bundle
// signer. What is in it was signed by others, or is a trust anchor that the office
// vouches for: nobody but who has built it can judge which.
func (h *held) readBundle(payload []byte, now instant) error {
	if deterministic, err := cbor.CheckMap(payload, MaxBundle); err != nil {
		return badForm("bundle: %v", err)
	} else if !deterministic && len(payload) <= cbor.MaxMessage {
		return badForm("bundle: not encoded deterministically")
	}
	entries, err := cbor.MapEntriesLimit(payload, MaxBundle)
	if err != nil {
		return badForm("bundle: %v", err)
	}
	var publisher string
	var version, sequence uint64
	var issued, expires cbor.DateTime
	for _, e := range entries {
		name, err := cbor.Text(e.Key)
		if err != nil {
			return badForm("bundle: a member that is no text")
		}
		switch name {
		case "version":
			version, err = cbor.Uint(e.Value)
		case "publisher":
			publisher, err = cbor.Text(e.Value)
		case "sequence":
			sequence, err = cbor.Uint(e.Value)
		case "issued":
			issued, err = cbor.Instant(e.Value)
		case "expires":
			expires, err = cbor.Instant(e.Value)
		case "anchors":
			_, err = cbor.UnwrapEncoded(e.Value)
		case "crls", "lists":
			_, err = cbor.ArrayItemsLimit(e.Value, MaxBundle)
		case "minReader", "countries", "policy":
		default:
			return badForm("bundle: member %.32q is unknown", name)
		}
		if err != nil {
			return badForm("bundle: %s: %v", name, err)
		}
	}
	switch {
	case version == 0 || version > bundle.ReaderVersion || sequence == 0:
		return badForm("bundle: no version that is known here, or no number")
	case !h.Policy.Office.own(publisher):
		return badPolicy("bundle: the publisher is not the office")
	case issued.After(now.Add(skew)) || issued.Before(now.Add(-maxBackup)):
		return badPolicy("bundle: it is not made now")
	case !expires.After(issued.Time) || expires.Sub(issued.Time) > maxBundleLife:
		return badPolicy("bundle: it does not live for up to %s", maxBundleLife)
	case expires.After(h.leaf.NotAfter()):
		return badPolicy("bundle: it would outlive the certificate of the key")
	}
	return nil
}
