package verification

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"reflect"
	"testing"
	"time"

	"vidimus/internal/pki"
	"vidimus/internal/policy"
	"vidimus/internal/sdjwt"
	"vidimus/internal/statuslist"
)

// carrying gives the lists of o as a bundle does: each read and proven once.
func carrying(o Options) Options {
	type answer struct {
		list *statuslist.Opened
		err  error
	}
	known, lists := map[string]answer{}, o.Lists
	o.Lists = nil
	o.Carried = func(uri string, _ time.Time) (*statuslist.Opened, error) {
		if a, ok := known[uri]; ok {
			return a.list, a.err
		}
		data, err := lists(uri)
		a := answer{&statuslist.Opened{Raw: data}, err}
		prove := func(e *statuslist.Envelope) {
			if len(e.Chain) > 0 {
				if leaf, err := pki.ParseCertificate(e.Chain[0]); err == nil {
					_ = e.Prove(leaf.PublicKey()) // who fails is verified anew
				}
			}
		}
		if t, err := statuslist.ParseToken(data); err == nil {
			a.list.List = t
			prove(&t.Envelope)
		} else if l, err := statuslist.ParseIdentifierList(data); err == nil {
			a.list.Identifiers = l
			prove(&l.Envelope)
		}
		known[uri] = a
		return a.list, a.err
	}
	return o
}

// alike makes the same report from lists as they come and from lists that were read
// before, and says where they differ; the second of those finds them in use.
func alike(t *testing.T, o Options, report func(Options) *Report) *Report {
	t.Helper()
	if o.Lists == nil {
		return report(o)
	}
	lists, made := o.Lists, map[string][]byte{} // each is signed once, or it would be another
	o.Lists = func(uri string) ([]byte, error) {
		if data, ok := made[uri]; ok {
			return data, nil
		}
		data, err := lists(uri)
		if err == nil {
			made[uri] = data
		}
		return data, err
	}
	plain := report(o)
	o = carrying(o)
	for range 2 {
		if got := report(o); !reflect.DeepEqual(got, plain) {
			t.Errorf("carried: %+v, %v\nas it comes: %+v, %v", got.Verdict, got.Err(), plain.Verdict, plain.Err())
		}
	}
	return plain
}

// A source gives lists by their address; signing makes one of lists signed at an
// instant, with claims changed.
type (
	source  = func(uri string) ([]byte, error)
	signing = func(at time.Time, change func(*statuslist.Claims)) source
)

// A list that was read and proven before answers exactly what the token would,
// whatever is wrong with it.
func TestCarriedLists(t *testing.T) {
	day := 24 * time.Hour
	type answers struct{ mdoc, sdjwt policy.Status }
	as := func(s policy.Status) answers { return answers{s, s} }
	for name, tt := range map[string]struct {
		set   statuslist.Status
		bits  int // 0 is 1
		lists func(w *world, sign signing) source
		index uint64 // 0 is 7
		want  answers
	}{
		"valid":                     {want: as(policy.Valid)},
		"revoked":                   {set: statuslist.Invalid, want: as(policy.Revoked)},
		"suspended":                 {set: statuslist.Suspended, bits: 2, want: answers{policy.Unknown, policy.Revoked}}, // an mdoc has one bit
		"a value of somebody's own": {set: statuslist.Of(3), bits: 2, want: as(policy.Unknown)},
		"out of range":              {index: 16, want: as(policy.Unknown)},
		"not carried": {lists: func(*world, signing) source {
			return func(uri string) ([]byte, error) { return nil, fmt.Errorf("%w: not %s", ErrNotAtHand, uri) }
		}, want: as(policy.NotChecked)},
		"cannot be had": {lists: func(*world, signing) source {
			return func(string) ([]byte, error) { return nil, errNoNetwork }
		}, want: as(policy.Unknown)},
		"past exp": {lists: func(w *world, sign signing) source {
			return sign(w.Now.Add(-15*day), nil)
		}, want: as(policy.Unknown)},
		"of tomorrow": {lists: func(w *world, sign signing) source {
			return sign(w.Now.Add(day), nil)
		}, want: as(policy.Unknown)},
		"old": {lists: func(w *world, sign signing) source {
			return sign(w.Now.Add(-3*day), nil)
		}, want: as(policy.Valid)},
		"of another address": {lists: func(w *world, sign signing) source {
			return sign(w.Now, func(c *statuslist.Claims) { c.Subject += "/" })
		}, want: as(policy.Unknown)},
		"a bit that nobody signed": {lists: func(w *world, sign signing) source {
			return func(uri string) ([]byte, error) {
				data, err := sign(w.Now, nil)(uri)
				if err != nil {
					return nil, err
				}
				at := len(data) - 10
				switch {
				case data[0] >= 0x80:
					data[at] ^= 1
				case data[at] == 'A':
					data[at] = 'B'
				default:
					data[at] = 'A'
				}
				return data, nil
			}
		}, want: as(policy.Unknown)},
		"garbage": {lists: func(*world, signing) source {
			return func(string) ([]byte, error) { return []byte("<html>"), nil }
		}, want: as(policy.Unknown)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			list, err := statuslist.New(max(tt.bits, 1), 16)
			w.must(err)
			if tt.set != (statuslist.Status(0)) {
				for _, i := range []uint64{5, 7} {
					w.must(list.Set(i, tt.set))
				}
			}
			sign := func(jwt bool) signing {
				return func(at time.Time, change func(*statuslist.Claims)) source {
					return func(uri string) ([]byte, error) {
						body, err := statuslist.Build(list)
						w.must(err)
						c := statuslist.Claims{Subject: uri, IssuedAt: at, Expires: at.Add(14 * day), TTL: time.Hour}
						if change != nil {
							change(&c)
						}
						if !jwt {
							return body.SignCWT(w.StatusSigner.Key, c, w.StatusSigner.Chain, rand.Reader)
						}
						token, err := body.SignJWT(w.StatusSigner.Key, c, w.StatusSigner.Chain, rand.Reader)
						return []byte(token), err
					}
				}
			}
			index := cmp.Or(tt.index, 7)
			response := w.present(w.licence(func(l *licence) { l.copy.Status.StatusList.Index = index }), asked)
			compact := w.bind(w.identity(person(), func(c *sdjwt.Copy) { c.Status.Index = index }))
			for kind, c := range map[string]struct {
				options Options
				jwt     bool
				report  func(Options) *Report
				want    policy.Status
			}{
				"mdoc":   {w.options(), false, func(o Options) *Report { return DeviceResponse(response, o) }, tt.want.mdoc},
				"SD-JWT": {w.sdOptions(), true, func(o Options) *Report { return SDJWT(compact, o) }, tt.want.sdjwt},
			} {
				o := c.options
				if o.Lists = sign(c.jwt)(w.Now.Add(-time.Hour), nil); tt.lists != nil {
					o.Lists = tt.lists(w, sign(c.jwt))
				}
				r := alike(t, o, c.report)
				sane(t, r)
				if r.Verdict.Status != c.want {
					t.Errorf("%s: %s, want %s: %v", kind, r.Verdict.Status, c.want, r.Reasons)
				}
			}
		})
	}
}

// A list that was read while it counted is past its end when the check is made
// after that.
func TestCarriedListEnds(t *testing.T) {
	w := newWorld(t)
	response := w.present(w.licence(), asked)
	o := w.options()
	noCRLs(&o) // they end by themselves
	issued := w.Now.AddDate(0, 0, -10)
	o.Lists = w.lists(w.StatusSigner, issued)
	o = carrying(o)
	end := issued.AddDate(0, 0, 14).Add(o.skew())
	for _, at := range []time.Time{w.Now, end.Add(-time.Second), end, w.Now} {
		want := policy.Valid
		if !at.Before(end) {
			want = policy.Unknown
		}
		o.Now = at
		if r := DeviceResponse(response, o); r.Verdict.Status != want {
			t.Errorf("%s: %s, want %s: %v", at, r.Verdict.Status, want, r.Reasons)
		}
	}
	// And the function is told of the instant.
	var asked time.Time
	o.Carried = func(_ string, now time.Time) (*statuslist.Opened, error) { asked = now; return nil, errNoNetwork }
	if DeviceResponse(response, o); !asked.Equal(o.Now) {
		t.Errorf("asked at %s, the check is made at %s", asked, o.Now)
	}
}

// What is proven under the certificate in a list is worth nothing by itself.
func TestProvenIsNotTrusted(t *testing.T) {
	w := newWorld(t)
	ca := w.MustIssue(t, pki.Template{Profile: pki.ProfileIACA, Subject: pki.Name{Country: "UT", CommonName: "a stranger"}}, nil)
	stranger := w.MustIssue(t, pki.Template{Profile: pki.ProfileStatusSigner, Subject: pki.Name{Country: "UT", CommonName: "of a stranger"}}, ca)
	o := w.options()
	o.Lists = w.lists(*stranger, w.Now)
	r := alike(t, o, func(o Options) *Report { return DeviceResponse(w.present(w.licence(), asked), o) })
	if r.Verdict.Status != policy.Unknown || check(r, "st.path").Result != Fail {
		t.Errorf("%+v: %v", r.Verdict, r.Reasons)
	}
	// Nor does a key count that is not the one it was proven with.
	carried := carrying(w.options())
	if r := DeviceResponse(w.present(w.licence(), asked), carried); r.Verdict.Status != policy.Valid {
		t.Fatal(r.Reasons)
	}
	l, err := carried.Carried(listURI, w.Now)
	w.must(err)
	if err := l.List.Verify(w.device.Public()); statuslist.CheckOf(err) != statuslist.CheckSignature {
		t.Errorf("another key: %v", err)
	}
}
