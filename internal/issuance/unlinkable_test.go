package issuance_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"vidimus/internal/jose"
	"vidimus/internal/mdoc"
	"vidimus/internal/oid4vci"
	"vidimus/internal/sdjwt"
)

// unlinkableMDocs: nothing but values and coarse times is the same in two copies.
func unlinkableMDocs(t *testing.T, copies []oid4vci.Credential) {
	t.Helper()
	seen := map[string]bool{}
	var indices []uint64
	var validity string
	for _, c := range copies {
		raw, err := jose.DecodeBase64URL(c.Text())
		if err != nil {
			t.Fatal(err)
		}
		is, err := mdoc.ParseIssuerSigned(raw)
		if err != nil {
			t.Fatal(err)
		}
		once(t, seen, "device key", is.MSO.DeviceKeyRaw)
		for _, ns := range is.NameSpaces {
			for _, item := range ns.Items {
				once(t, seen, "salt", item.Random)
			}
		}
		for _, digests := range is.MSO.ValueDigests {
			for _, d := range digests {
				once(t, seen, "digest", d)
			}
		}
		indices = append(indices, is.MSO.Status.StatusList.Index)
		v := fmt.Sprint(is.MSO.ValidityInfo.Signed.Time, is.MSO.ValidityInfo.ValidFrom.Time, is.MSO.ValidityInfo.ValidUntil.Time)
		if s := is.MSO.ValidityInfo.Signed.Time; validity != "" && v != validity || !s.Equal(s.Truncate(24*time.Hour)) {
			t.Errorf("times %s and %s in one batch", v, validity)
		}
		validity = v
	}
	notAdjacent(t, indices)
}

func unlinkableSDJWTs(t *testing.T, copies []oid4vci.Credential) {
	t.Helper()
	seen := map[string]bool{}
	var indices []uint64
	for _, c := range copies {
		s, err := sdjwt.Parse(c.Text())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range strings.Split(strings.TrimSuffix(c.Text(), "~"), "~")[1:] {
			once(t, seen, "disclosure", []byte(d))
		}
		p, err := s.Process()
		if err != nil {
			t.Fatal(err)
		}
		key, err := p.ConfirmationKey()
		if err != nil {
			t.Fatal(err)
		}
		thumbprint, err := jose.Thumbprint(key.Public)
		if err != nil {
			t.Fatal(err)
		}
		once(t, seen, "key", thumbprint)
		status, err := p.Status()
		if err != nil {
			t.Fatal(err)
		}
		indices = append(indices, status.Index)
	}
	notAdjacent(t, indices)
}

func once(t *testing.T, seen map[string]bool, what string, value []byte) {
	t.Helper()
	if k := what + string(value); seen[k] || len(value) == 0 {
		t.Errorf("%s %x twice", what, value)
	} else {
		seen[k] = true
	}
}

func notAdjacent(t *testing.T, indices []uint64) {
	t.Helper()
	sorted := slices.Clone(indices)
	slices.Sort(sorted)
	for i := range sorted[1:] {
		if sorted[i+1]-sorted[i] <= 1 {
			t.Errorf("indices %d and %d in one batch", sorted[i], sorted[i+1])
		}
	}
	if slices.Equal(sorted, indices) && len(indices) > 8 {
		t.Error("the indices rise with the copies")
	}
}
