package demo

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"vidimus/internal/fetch"
)

// commandView is a command for the root of the repository, word by word, and
// what it is good for.
type commandView struct {
	What  string
	words []string
}

// command makes one of a program of ours.
func command(what, program string, args ...string) commandView {
	return commandView{what, append([]string{"go", "run", program}, args...)}
}

// Line is the command for a shell, in one line.
func (c commandView) Line() string {
	quoted := make([]string, len(c.words))
	for i, w := range c.words {
		quoted[i] = quote(w)
	}
	return strings.Join(quoted, " ")
}

// Lines is the same with a line for every flag, when it is long, and one for
// what follows the flags.
func (c commandView) Lines() string {
	if line := c.Line(); len(line) <= 80 {
		return line
	}
	var b strings.Builder
	for i, w := range c.words {
		switch last := i == len(c.words)-1; {
		case i == 0:
		case i > 1 && (strings.HasPrefix(w, "-") || last && !valueOf(c.words, i)):
			b.WriteString(" \\\n  ")
		default:
			b.WriteString(" ")
		}
		b.WriteString(quote(w))
	}
	return b.String()
}

// switches are the flags of our commands that take no value.
var switches = []string{"--insecure-loopback", "-s"}

// valueOf says whether word i belongs to the flag before it.
func valueOf(words []string, i int) bool {
	return strings.HasPrefix(words[i-1], "-") && !slices.Contains(switches, words[i-1])
}

// quote writes an argument for a POSIX shell.
func quote(arg string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@,+%", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !plain(r) }) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

func (s *story) trustDir() string { return filepath.Join(s.dir, "trust") }

// rechecks verify once more what the reader of the story saw.
func (s *story) rechecks() []commandView {
	licence := func(what, name, list string) commandView {
		return command(what, "./cmd/verifier", "check", "--trust", s.trustDir(), "--crl", s.seen(revokedSigners), "--status", s.seen(list), "--profile", atTheRoadside,
			"--transcript", s.seen(name+".transcript"), "--reader-key", s.seen(name+".reader-key.jwk"), s.seen(name+".mdoc"))
	}
	return []commandView{
		licence("The licence of the story, with the status list of that moment: green", "licence", "status.cwt"),
		licence("The same licence after it was annulled: red", "licence-revoked", "status-after.cwt"),
		command("The identity of the story, as SD-JWT with key binding: green", "./cmd/verifier", "check", "--trust", s.trustDir(),
			"--crl", s.seen(revokedSigners), "--status", s.seen("status-after.jwt"), "--profile", atThePortal, "--nonce", s.nonce, "--aud", portalURL, s.seen("identity.sd-jwt")),
	}
}

// tries take up an offer with cmd/wallet, show what came, and check it: the
// licence, or the identity of somebody who has none any more.
func (s *story) tries(o offer, licence bool) []commandView {
	phone, nonce := filepath.Join(s.dir, "phone"), "n-"+o.ID[:min(16, len(o.ID))]
	shown, list, mediaType := filepath.Join(s.dir, "shown.mdoc"), filepath.Join(s.dir, "status-now.cwt"), fetch.TypeStatusListCWT
	kind, elements, profile := "mdl", "portrait,family_name,given_name,driving_privileges", atTheRoadside
	session := []string{"--nonce", nonce, "--aud", portalURL, "--response-uri", portalURL + "/answer"}
	then := "Check it; then annul the licence, fetch the list again, and check again"
	if !licence {
		shown, list, mediaType = filepath.Join(s.dir, "shown.sd-jwt"), filepath.Join(s.dir, "status-now.jwt"), fetch.TypeStatusListJWT
		kind, elements, profile = "pid-sd-jwt", "family_name,given_name,birthdate,nationalities,issuing_country", atThePortal
		session, then = session[:4], "Check it"
	}
	tries := []commandView{
		command("Fetch everything, three copies of each", "./cmd/wallet", "accept", "--dir", phone, "--trust", s.trustDir(), "--insecure-loopback", "--batch", "3", "--tx-code", o.TxCode, o.Link),
		command("Look at it", "./cmd/wallet", "list", "--dir", phone),
		command("Show it to a portal", "./cmd/wallet", slices.Concat([]string{"present", "--dir", phone, "--type", kind, "--elements", elements}, session, []string{"-o", shown})...),
	}
	for _, uri := range slices.Sorted(maps.Keys(s.reader.lists[mediaType])) {
		tries = append(tries, commandView{"Fetch the status list of now, as the portal would", []string{"curl", "-s", "-H", "Accept: " + mediaType, "-o", list, uri}})
	}
	return append(tries, command(then, "./cmd/verifier", slices.Concat([]string{"check", "--trust", s.trustDir(), "--crl", s.seen(revokedSigners), "--status", list, "--profile", profile}, session, []string{shown})...))
}
