package registry_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/jpeg"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/audit"
	"vidimus/internal/problem"
	"vidimus/internal/registry"
)

// TestBadInputs are the rows of group R of the bad-input list that the inbox
// answers for. R01, R16 and R17 belong to the listener, R13 to a registry's
// own numbering, of which we know nothing.
func TestBadInputs(t *testing.T) {
	annul := registryclient.DocumentAnnulled{Number: "DL-1"}

	t.Run("R02/authority_violation", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		pid := licence("PID-1")
		pid.Type = "pid"
		for name, c := range map[string]struct {
			source string
			e      registryclient.Event
			say    string
		}{
			"event":            {driving, registryclient.Event{Subject: "P-1", Seq: 2, Payload: facts("X")}, `"person-put" is not in events of its entry`},
			"document_type":    {driving, registryclient.Event{Subject: "P-1", Seq: 2, Payload: pid}, `type "pid" is not in document_types of its entry in the office's sources`},
			"kind":             {driving, registryclient.Event{Subject: "P-1", Seq: 2, Payload: registryclient.EntitlementPut{Kind: "hunting", Territory: "UT"}}, `kind "hunting" is not in entitlements of`},
			"annul_by_another": {identity, registryclient.Event{Subject: "DL-1", Seq: 2, Payload: annul}, "may not"},
		} {
			t.Run(name, func(t *testing.T) {
				w.refused(t, c.source, w.sign(c.source, c.e).Token, problem.AccessDenied, c.say)
			})
		}
		t.Run("connection_of_another", func(t *testing.T) {
			w.refused(t, identity, w.sign(driving, registryclient.Event{Subject: "P-1", Seq: 2, Payload: licence("DL-2")}).Token, problem.AccessDenied, "connection")
		})
		if n := len(w.audited("access_denied")); n != 5 {
			t.Errorf("%d of 5 denials are audited", n)
		}
	})

	t.Run("R03/same_token", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		set := w.sign(driving, registryclient.Event{Subject: "DL-1", Seq: 2, Payload: annul})
		var effects atomic.Int32
		done := make(chan error)
		for range 24 {
			go func() {
				o, err := w.inbox.Accept(t.Context(), driving, set.Token)
				if err == nil && !o.Repeated {
					effects.Add(1)
				}
				if err == nil && o.Version != 3 {
					err = fmt.Errorf("version %d", o.Version)
				}
				done <- err
			}()
		}
		for range 24 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if effects.Load() != 1 || w.subject().Version != 3 {
			t.Errorf("%d effects", effects.Load())
		}
	})
	t.Run("R03/same_token_after_restart", afterRestart)
	t.Run("R15/lost_answer", afterRestart)

	t.Run("R04/other_token", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		e := registryclient.Event{Subject: "P-1", Seq: 2, JTI: "J", Payload: licence("DL-2")}
		w.send(driving, e)
		e.Payload = licence("DL-3")
		w.refused(t, driving, w.sign(driving, e).Token, problem.InvalidRequest, "jti was used for another token")
		e.Seq = 3
		w.refused(t, driving, w.sign(driving, e).Token, problem.InvalidRequest, "jti was used for another token")
		if n := len(w.audited("invalid_request")); n != 2 {
			t.Errorf("%d of 2 refusals are audited", n)
		}
	})

	t.Run("R05/older_after_newer", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		w.send(driving, registryclient.Event{Subject: "P-1", Seq: 2, Payload: licence("DL-2")})
		w.refused(t, driving, w.sign(driving, registryclient.Event{Subject: "P-1", Seq: 1, Payload: licence("DL-1")}).Token, problem.Conflict, "disorder: event 1")
		old := uint64(1)
		w.refused(t, driving, w.sign(driving, registryclient.Event{Subject: "P-1", Seq: 3, Prev: &old, Payload: licence("DL-1")}).Token, problem.Conflict, "version 3, prev says 1")
		if n := len(w.audited("conflict")); n != 2 {
			t.Errorf("%d of 2 refusals are audited", n)
		}
	})

	t.Run("R06/gap", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		for seq, say := range map[uint64]string{3: "seq 2 is missing", 9: "seq 2 to 8 are missing", 1 << 63: "seq 2 to "} {
			w.refused(t, driving, w.sign(driving, registryclient.Event{Subject: "P-1", Seq: seq, Payload: licence("DL-2")}).Token, problem.Conflict, say)
		}
		if g := w.inbox.Gaps(); len(g) != 2 || g[0].Source != driving || g[0].Next != 2 || g[0].Held != 0 || g[1].Next != 2 {
			t.Errorf("%+v", g)
		}
	})
	t.Run("R06/held", func(t *testing.T) { synctest.Test(t, gapWaits) })

	t.Run("R07/bad_item_in_batch", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		sets := map[string]string{}
		for seq := uint64(2); seq <= 501; seq++ {
			p := licence(fmt.Sprint("DL-", seq%100))
			p.IssuingAuthority = fmt.Sprint("Office ", seq)
			if seq == 250 {
				p.ExpiryDate = "2023-02-29"
			}
			set := w.sign(driving, registryclient.Event{Subject: "P-1", Seq: seq, JTI: fmt.Sprint("J", seq), Payload: p})
			sets[set.JTI] = set.Token
		}
		b, err := w.inbox.AcceptBatch(t.Context(), driving, sets)
		if err != nil || len(b.Acks) != 248 || len(b.Errors) != 252 || !strings.Contains(problem.Detail(b.Errors["J250"]), "expiry_date") ||
			!strings.Contains(problem.Detail(b.Errors["J251"]), "seq 250 is missing") {
			t.Fatalf("%d acks, %d errors, %v, %v, %v", len(b.Acks), len(b.Errors), b.Errors["J250"], b.Errors["J251"], err)
		}
		repaired := w.sign(driving, registryclient.Event{Subject: "P-1", Seq: 250, JTI: "J250b", Payload: licence("DL-50")})
		delete(sets, "J250")
		sets[repaired.JTI] = repaired.Token
		if b, err = w.inbox.AcceptBatch(t.Context(), driving, sets); err != nil || len(b.Acks) != 500 || w.subject().Version != 502 {
			t.Errorf("after repair: %d acks, %v, version %d", len(b.Acks), err, w.subject().Version)
		}
	})

	t.Run("R08/too_much", func(t *testing.T) {
		w := newWorld(t)
		sets := map[string]string{}
		for i := range registry.MaxBatchItems + 1 {
			sets[fmt.Sprint(i)] = "x"
		}
		if _, err := w.inbox.AcceptBatch(t.Context(), driving, sets); problem.KindOf(err) != problem.TooLarge {
			t.Errorf("501 items: %v", err)
		}
		if _, err := registry.ParseBatch(bytes.Repeat([]byte(" "), registry.MaxBatch+1)); problem.KindOf(err) != problem.TooLarge {
			t.Errorf("more than 8 MiB: %v", err)
		}
		b, err := w.inbox.AcceptBatch(t.Context(), driving, map[string]string{"big": strings.Repeat("a", registry.MaxItem+1)})
		if err != nil || problem.KindOf(b.Errors["big"]) != problem.TooLarge {
			t.Errorf("an item of more than 1 MiB: %+v, %v", b, err)
		}
	})

	t.Run("R09", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		now := start
		for name, c := range map[string][]string{
			"duplicate_claim":        {`"jti":"J2"`, `"jti":"J1","jti":"J2"`},
			"duplicate_event":        {`"events":{`, `"events":{"urn:vidimus:event:entitlement-put:1":{},`},
			"duplicate_member":       {`"kind":"driving"`, `"kind":"hunting","kind":"driving"`},
			"duplicate_by_escape":    {`"kind":"driving"`, `"kind":"driving","\u006bind":"driving"`},
			"case_variant_claim":     {`"jti":"J2"`, `"jti":"J2","Jti":"J3"`},
			"case_variant_member":    {`"kind":"driving"`, `"kind":"driving","Kind":"driving"`},
			"case_variant_seq":       {`"seq":2`, `"seq":2,"SEQ":3`},
			"case_variant_sub_id":    {`"id":"P-1"`, `"Id":"P-1"`},
			"kelvin_sign_for_k":      {`"kind":"driving"`, `"kind":"driving","\u212aind":"driving"`},
			"member_of_other_events": {`"kind":"driving"`, `"kind":"driving","revoked":true`},
		} {
			t.Run(name, func(t *testing.T) {
				w.refused(t, driving, w.raw(driving, claims(now, c...), nil), problem.InvalidRequest, "")
			})
		}
	})

	t.Run("R10", func(t *testing.T) { badPortraits(t) })

	attribute := func(t *testing.T, name string, value any, say string) {
		t.Helper()
		w := newWorld(t)
		p := facts("A")
		p.Attributes[name] = value
		w.refused(t, identity, w.sign(identity, registryclient.Event{Subject: "P-1", Seq: 1, Payload: p}).Token, problem.InvalidRequest, say)
	}
	for name, value := range map[string]string{
		"bidi_override": "Muster\u202emann", "bidi_isolate": "\u2066Muster\u2069", "zero_width_joiner": "Mus\u200dter", "zero_width_space": "Mus\u200bter",
		"byte_order_mark": "\ufeffMuster", "NUL": "Muster\x00", "newline": "Mus\nter", "unassigned": "Mus\u0378ter", "private_use": "\ue000", "noncharacter": "\ufffe",
		"10000_characters": strings.Repeat("x", 10000), "151_characters": strings.Repeat("ä", 151), "empty": "",
	} {
		t.Run("R11/"+name, func(t *testing.T) { attribute(t, "family_name", value, "family_name") })
	}
	t.Run("R11/lone_surrogate", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		w.refused(t, driving, w.raw(driving, claims(start, `"driving"`, `"\ud800"`), nil), problem.InvalidRequest, "surrogate")
	})
	t.Run("R11/NFD_becomes_NFC", func(t *testing.T) {
		w := newWorld(t)
		w.send(identity, registryclient.Event{Subject: "P-1", Seq: 1, Payload: facts("Mu\u0308ller")})
		if got := w.subject().Person.Attributes.Text("family_name"); got != "M\u00fcller" {
			t.Errorf("%q", got)
		}
	})

	for name, value := range map[string]string{
		"not_a_leap_year": "2023-02-29", "zeros": "0000-00-00", "end_of_time": "9999-12-31", "birth_in_the_future": "2026-06-17", "offset": "1984-01-26+02:00", "zulu": "1984-01-26Z", "datetime": "1984-01-26T00:00:00Z",
	} {
		t.Run("R12/"+name, func(t *testing.T) { attribute(t, "birth_date", value, "birth_date") })
	}
	t.Run("R12/issue_after_expiry", func(t *testing.T) {
		w := newWorld(t)
		p := licence("DL-1")
		p.IssueDate = "2031-01-01"
		w.refused(t, driving, w.sign(driving, registryclient.Event{Subject: "P-1", Seq: 1, Payload: p}).Token, problem.InvalidRequest, "expiry_date lies before issue_date")
	})

	t.Run("R14/unknown_document", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		for _, subject := range []string{"DL-9", "P-1", "P-9"} {
			w.refused(t, driving, w.sign(driving, registryclient.Event{Subject: subject, Seq: 2, Payload: registryclient.DocumentAnnulled{Number: "DL-9"}}).Token, problem.NotFound, "no such document")
		}
	})
	t.Run("R14/revoke_twice", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		w.send(driving, registryclient.Event{Subject: "DL-1", Seq: 2, Payload: annul})
		state := w.state()
		if o := w.send(driving, registryclient.Event{Subject: "DL-1", Seq: 3, Payload: annul}); o.Version != 3 || w.state() != state {
			t.Errorf("%+v, state %s", o, w.state())
		}
	})
	t.Run("R14/un_revoke", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		w.send(driving, registryclient.Event{Subject: "DL-1", Seq: 2, Payload: annul})
		w.refused(t, driving, w.sign(driving, registryclient.Event{Subject: "P-1", Seq: 3, Payload: licence("DL-1")}).Token, problem.Conflict, "annulled and stays so")
	})

	t.Run("R18/replay_a_day_later", func(t *testing.T) {
		w := newWorld(t)
		w.erika()
		held := w.sign(driving, registryclient.Event{Subject: "P-1", Seq: 2, Payload: licence("DL-2")})
		w.clock.Advance(24*time.Hour + time.Second)
		w.refused(t, driving, held.Token, problem.InvalidRequest, "iat is too old")
		sent := w.sign(driving, registryclient.Event{Subject: "P-1", Seq: 2, Payload: licence("DL-2")})
		if _, err := w.inbox.Accept(t.Context(), driving, sent.Token); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(48 * time.Hour)
		state := w.state()
		if o, err := w.inbox.Accept(t.Context(), driving, sent.Token); err != nil || !o.Repeated || w.state() != state {
			t.Errorf("a replay of what was accepted has no effect: %+v, %v", o, err)
		}
	})
}

// afterRestart: the answer was lost with the process; the source asks again.
func afterRestart(t *testing.T) {
	w := newWorld(t)
	w.erika()
	set := w.sign(driving, registryclient.Event{Subject: "DL-1", Seq: 2, Payload: registryclient.DocumentAnnulled{Number: "DL-1"}})
	first := w.accept(driving, set.Token)
	w.restart()
	again, err := w.inbox.Accept(t.Context(), driving, set.Token)
	if err != nil || !again.Repeated || again.Version != first.Version || !again.Accepted.Equal(first.Accepted) || w.subject().Version != 3 {
		t.Errorf("%+v, %v, first %+v", again, err, first)
	}
}

func badPortraits(t *testing.T) {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 32, 40)), nil); err != nil {
		t.Fatal(err)
	}
	good := b.Bytes()
	frame := bytes.Index(good, []byte{0xff, 0xc0})
	huge := slices.Clone(good)
	copy(huge[frame+5:], []byte{0xea, 0x60, 0xea, 0x60})
	send := func(w *world, portrait any) registryclient.SET {
		p := facts("A")
		p.Attributes["portrait"] = portrait
		return w.sign(identity, registryclient.Event{Subject: "P-1", Seq: 1, Payload: p})
	}
	for name, c := range map[string]struct {
		portrait any
		kind     problem.Kind
	}{
		"50_MB":              {slices.Concat(good, make([]byte, 50<<20)), problem.TooLarge},
		"over_our_limit":     {slices.Concat(good[:len(good)-2], make([]byte, 300<<10), good[len(good)-2:]), problem.InvalidRequest},
		"png_bomb":           {[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xea\x60\x00\x00\xea\x60"), problem.InvalidRequest},
		"60000_x_60000":      {huge, problem.InvalidRequest},
		"svg":                {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), problem.InvalidRequest},
		"polyglot":           {slices.Concat(good, []byte("PK\x03\x04")), problem.InvalidRequest},
		"truncated":          {good[:len(good)-9], problem.InvalidRequest},
		"base64url":          {base64.URLEncoding.EncodeToString(good) + "-_", problem.InvalidRequest},
		"base64_unpadded":    {base64.RawStdEncoding.EncodeToString(append(slices.Clone(good), 1)[:len(good)-len(good)%3+1]), problem.InvalidRequest},
		"base64_line_breaks": {base64.StdEncoding.EncodeToString(good[:3]) + "\n" + base64.StdEncoding.EncodeToString(good[3:]), problem.InvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.refused(t, identity, send(w, c.portrait).Token, c.kind, "")
		})
	}
	t.Run("metadata_stripped", func(t *testing.T) {
		w := newWorld(t)
		exif := append([]byte{0xff, 0xe1, 0, 30}, []byte("Exif\x00\x00 GPS 49.6 N 6.1 E.....")[:28]...)
		if _, err := w.inbox.Accept(t.Context(), identity, send(w, slices.Concat(good[:2], exif, good[2:])).Token); err != nil {
			t.Fatal(err)
		}
		if got := w.subject().Person.Attributes.Bytes("portrait"); !bytes.Equal(got, good) {
			t.Errorf("%d octets are kept of %d without metadata", len(got), len(good))
		}
	})
}

// audited gives the lines of refusals of a kind.
func (w *world) audited(kind string) (lines []audit.Event) {
	for _, e := range w.store.audit {
		if e.Action == "registry.refuse" && e.Detail["problem"] == kind {
			lines = append(lines, e)
		}
	}
	return lines
}
