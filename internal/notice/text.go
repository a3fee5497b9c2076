package notice

import (
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Languages are those that texts exist in.
func Languages() []string { return []string{"en", "fr", "de", "lb"} }

// Appeal is how to object, in one language.
type Appeal struct {
	Text string
	URL  string // or ""
}

// Text is a message in words.
type Text struct {
	Subject string `json:"subject"` // the same for everybody
	Body    string `json:"body"`
}

//go:embed texts/*.txt
var textFiles embed.FS

// words holds the sentences of one language by their keys.
type words map[string]string

func readWords(language string) (words, error) {
	raw, err := textFiles.ReadFile("texts/" + language + ".txt")
	if err != nil {
		return nil, fmt.Errorf("notice: no texts in language %q", language)
	}
	w := words{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, text, ok := strings.Cut(line, " = ")
		if _, twice := w[key]; !ok || twice || text == "" {
			return nil, errors.New("notice: texts/" + language + ".txt: bad line: " + key)
		}
		w[key] = text
	}
	return w, nil
}

// text puts a message into words. Lines end with LF.
func (w words) text(m Message, appeal Appeal, zone *time.Location) Text {
	var b strings.Builder
	section := func(heading string, lines ...string) {
		b.WriteString(w[heading] + "\n")
		for _, l := range lines {
			if l != "" {
				b.WriteString(l + "\n")
			}
		}
		b.WriteString("\n")
	}
	kind := w["document."+m.DocumentType]
	switch {
	case m.DocumentType == "":
		kind = ""
	case kind == "":
		kind = w["document.other"]
	}
	named := func(key, value string) string {
		if value == "" {
			return ""
		}
		return w[key] + ": " + value
	}
	section("heading.what", w["fact."+string(m.Fact)], named("label.document", kind))
	if m.Authority != "" || m.LegalBasis != "" {
		section("heading.why", named("label.authority", m.Authority), named("label.legal-basis", m.LegalBasis))
	}
	section("heading.since", m.Since.In(zone).Format("2006-01-02 15:04 MST"))
	section("heading.phone", w["effect."+string(m.Effect)], named("label.anew", m.Anew))
	if appeal.Text == "" {
		appeal.Text = w["appeal"]
	}
	section("heading.appeal", appeal.Text, appeal.URL)
	b.WriteString(named("label.reference", m.ID) + "\n")
	return Text{Subject: w["subject"], Body: b.String()}
}
