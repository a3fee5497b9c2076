package issuer

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vidimus/internal/delivery"
	"vidimus/internal/document"
	"vidimus/internal/notice"
	"vidimus/internal/officer"
)

// Bounds of the office's own timing.
const (
	maxMix       = 24 * time.Hour // what is not urgent is public within two windows
	maxLeave     = 72 * time.Hour // longer, and copies with days to go stay valid
	maxRate      = 1_000_000      // requests per second of one client
	maxCover     = 4096
	maxOpenLists = 64
	minRotate    = 24 * time.Hour
	minRetention = 24 * time.Hour
	maxAuditStep = time.Hour
)

// office checks what concerns lists, notices, audit and retention.
func (k *checker) office() {
	c := k.c
	s := c.Status
	if s.Mix < 0 || s.Mix > maxMix {
		k.bad("status.mix", "between 0s and %s, got %s", maxMix, s.Mix)
	}
	if s.Cover < 0 || s.Cover > maxCover {
		k.bad("status.cover", "between 0 and %d, got %d", maxCover, s.Cover)
	}
	if s.Mix == 0 && s.Cover > 0 {
		k.bad("status.cover", "0 with status.mix 0s: without windows there is nothing to mix it into")
	}
	if s.Leave < 0 || s.Leave > maxLeave {
		k.bad("status.leave", "between 0s and %s, got %s: what expires within it is not revoked without urgency", maxLeave, s.Leave)
	}
	k.directory()
	k.checkpoints()
	if s.OpenLists < 1 || s.OpenLists > maxOpenLists {
		k.bad("status.open_lists", "between 1 and %d, got %d", maxOpenLists, s.OpenLists)
	}
	if s.Rotate < minRotate {
		k.bad("status.rotate", "%s or more, got %s", minRotate, s.Rotate)
	}
	if c.Audit.Interval < time.Second || c.Audit.Interval > maxAuditStep {
		k.bad("audit.interval", "between 1s and %s, got %s", maxAuditStep, c.Audit.Interval)
	}
	r := c.Retention
	for _, t := range []struct {
		name string
		d    time.Duration
	}{
		{"tokens", r.Tokens}, {"outcomes", r.Outcomes}, {"copies", r.Copies}, {"history", r.History}, {"notices", r.Notices},
		{"wallets", r.Wallets}, {"audit_keys", r.AuditKeys},
	} {
		if t.d < minRetention {
			k.bad("retention."+t.name, "%s or more, got %s", minRetention, t.d)
		}
	}
	k.notices()
	for i, src := range c.Sources {
		key := fmt.Sprintf("sources[%d]", i)
		for _, m := range src.Measures {
			if !slices.Contains(document.MeasureKinds(), document.MeasureKind(m)) {
				k.bad(key+".measures", "no kind of measure %q; there are %v", m, document.MeasureKinds())
			}
		}
		k.pins(key+".client_pins", src.ClientPins)
		if src.Webhook != "" {
			if err := delivery.CheckURL(src.Webhook, c.Dev); err != nil {
				k.bad(key+".webhook", "%v", err)
			}
		}
	}
}

// directory: what lies in the folder of lists is for the whole world.
func (k *checker) directory() {
	c := k.c
	if c.Status.Directory == "" {
		return
	}
	state, err := filepath.Abs(c.StateDir)
	if err != nil {
		return
	}
	dir, err := filepath.Abs(c.Path(c.Status.Directory))
	if err != nil {
		return
	}
	if in, err := filepath.Rel(dir, state); err == nil && filepath.IsLocal(in) {
		k.bad("status.directory", "a folder of its own is wanted: %s is or contains the state folder, which others must not read", dir)
	}
	if in, err := filepath.Rel(state, dir); err == nil && filepath.IsLocal(in) && slices.Contains(stateFolders, strings.Split(filepath.ToSlash(in), "/")[0]) {
		k.bad("status.directory", "a folder of its own is wanted: others must not read what lies in %s", dir)
	}
}

func (k *checker) checkpoints() {
	seen := map[string]bool{}
	for i, p := range k.c.Audit.Checkpoints {
		key := fmt.Sprintf("audit.checkpoints[%d]", i)
		if p == "" || seen[k.c.Path(p)] {
			k.bad(key, "a file that is not named before is wanted, got %q", p)
		}
		seen[k.c.Path(p)] = true
	}
}

func (k *checker) pins(key string, pins []string) {
	for _, p := range pins {
		if b, err := hex.DecodeString(p); err != nil || len(b) != 32 {
			k.bad(key, "a SHA-256 in hexadecimal is wanted, got %q", p)
		}
	}
}

func (k *checker) notices() {
	n := k.c.Notices
	if !slices.Contains(notice.Languages(), n.Language) {
		k.bad("notices.language", "one of %v, got %q", notice.Languages(), n.Language)
	}
	if n.Webhook != "" {
		if err := delivery.CheckURL(n.Webhook, k.c.Dev); err != nil {
			k.bad("notices.webhook", "%v", err)
		}
	}
	if n.Mail.Server != "" {
		if host, port, err := net.SplitHostPort(n.Mail.Server); err != nil || host == "" || port == "" {
			k.bad("notices.mail.server", "host:port is wanted, such as mail.example.org:587, got %q", n.Mail.Server)
		}
		if _, err := mail.ParseAddress(n.Mail.From); err != nil {
			k.bad("notices.mail.from", "an address such as office@example.org is wanted, got %q", n.Mail.From)
		}
	}
	for language := range n.Appeal {
		if !slices.Contains(notice.Languages(), language) {
			k.bad("notices.appeal", "one of %v, got %q", notice.Languages(), language)
		}
	}
}

// console checks the accounts of the officers and how they are reached.
func (k *checker) console() {
	c := k.c
	if !c.hasConsole() {
		return
	}
	if !c.Dev {
		t := c.Console.TLS
		if t.CRL != "" && t.ClientCA == "" {
			k.bad("console.tls.crl", "it counts for the certificates of client_ca, which is missing")
		}
		if i := slices.IndexFunc(c.Console.Officers, func(o Officer) bool { return len(o.Pins) > 0 }); i >= 0 && t.ClientCA == "" {
			k.bad(fmt.Sprintf("console.officers[%d].pins", i), "certificates are asked for only with console.tls.client_ca, which is missing")
		}
		if u, err := url.Parse(c.Console.PublicURL); err != nil || u.Scheme != "https" || u.Host == "" || c.Console.PublicURL != "https://"+u.Host {
			k.bad("console.public_url", "the https address under which officers reach listen.console, without a path or a slash at its end, got %q", c.Console.PublicURL)
		}
		if t.Certificate == "" || t.Key == "" {
			k.bad("console.tls", "certificate and key are needed outside --dev")
		}
	}
	if _, err := time.LoadLocation(c.Console.TimeZone); err != nil {
		k.bad("console.time_zone", "a name such as Europe/Luxembourg is wanted, got %q", c.Console.TimeZone)
	}
	ids, known := map[string]bool{}, len(k.errs)
	for i, o := range c.Console.Officers {
		key := fmt.Sprintf("console.officers[%d]", i)
		if o.ID == "" || o.Name == "" || o.Human == "" || len(o.Roles) == 0 {
			k.bad(key, "id, name, human and roles are needed")
		}
		if ids[o.ID] {
			k.bad(key+".id", "%s is there twice", o.ID)
		}
		ids[o.ID] = true
		for _, r := range o.Roles {
			if !validRole(r) {
				k.bad(key+".roles", "reader, editor or auditor, got %q", r)
			}
		}
		k.pins(key+".pins", o.Pins)
	}
	if err := officer.Check(accounts(c.Console.Officers)); err != nil && len(k.errs) == known {
		k.bad("console.officers", "%v", err)
	}
}
