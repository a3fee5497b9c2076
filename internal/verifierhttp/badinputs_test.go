package verifierhttp_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"vidimus/internal/qr"
)

func picture(t *testing.T, text string) []byte {
	t.Helper()
	code, err := qr.Encode(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := code.PNG(400)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func blank(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFrames(t *testing.T) {
	s := newTerminal(t)
	b := s.browser()
	for _, tt := range []struct {
		name, mediaType string
		body            []byte
		status          int
		want            string
	}{
		{"a code", "image/png", picture(t, goodCode), 200, `{"code":"` + goodCode + `","other":false}`},
		{"capitals", "image/png", picture(t, "MDOC:owBjMS4w"), 200, `{"code":"MDOC:owBjMS4w","other":false}`},
		{"a menu", "image/png", picture(t, "https://example.com/menu"), 200, `{"code":"","other":true}`},
		{"no code", "image/png", blank(t, 300, 300), 200, `{"code":"","other":false}`},
		{"too many pixels", "image/png", blank(t, 2049, 10), 413, ""},
		{"no picture", "image/jpeg", []byte("mdoc:owBjMS4w"), 400, ""},
		{"half a picture", "image/png", picture(t, goodCode)[:60], 200, `{"code":"","other":false}`},
		{"nothing", "image/png", nil, 400, ""},
		{"oversize", "image/jpeg", make([]byte, 1<<20+1), 413, ""},
		{"a film", "video/mp4", picture(t, goodCode), 415, ""},
	} {
		s.clock.Advance(1e9)
		a := b.do("POST", "/frame", tt.mediaType, tt.body)
		if a.StatusCode != tt.status || tt.want != "" && strings.TrimSpace(a.body) != tt.want {
			t.Errorf("%s: %d %s", tt.name, a.StatusCode, a.body)
		}
	}
	if len(s.wishes) != 0 {
		t.Error("a frame alone asks a phone")
	}
}

// Who sends pictures slowly takes the memory of two, and keeps nobody from typing.
func TestSlowPictures(t *testing.T) {
	s := newTerminal(t)
	send := func() (status chan int, body *io.PipeWriter) {
		read, write := io.Pipe()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/read", read)
		r.Host = "127.0.0.1:8770"
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		status = make(chan int, 1)
		go func() {
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			status <- w.Code
		}()
		return status, write
	}
	part := []byte("--x\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a\"\r\n\r\n")
	var first []*io.PipeWriter
	var ends []chan int
	for range 2 {
		status, body := send()
		if _, err := body.Write(part); err != nil { // it is being read
			t.Fatal(err)
		}
		first, ends = append(first, body), append(ends, status)
	}
	if status, _ := send(); <-status != http.StatusTooManyRequests {
		t.Error("a third picture is taken")
	}
	if a := s.browser().ask("profile", "right-to-drive", "code", goodCode); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a typed code: %d", a.StatusCode)
	}
	for i := range first {
		first[i].Close()
		if got := <-ends[i]; got != http.StatusBadRequest {
			t.Errorf("a picture that was cut off: %d", got)
		}
	}
	status, body := send()
	if _, err := body.Write(part); err != nil {
		t.Error(err)
	}
	body.Close()
	if got := <-status; got != http.StatusBadRequest {
		t.Errorf("afterwards: %d", got)
	}
}

// A flood of frames is answered with 429 once its allowance is used, however many
// come beside each other.
func TestFloodOfFrames(t *testing.T) {
	s := newTerminal(t)
	frame := blank(t, 64, 64)
	var mu sync.Mutex
	got := map[int]int{}
	var wg sync.WaitGroup
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			b := s.browser()
			for range 50 {
				a := b.do("POST", "/frame", "image/png", frame)
				mu.Lock()
				got[a.StatusCode]++
				mu.Unlock()
			}
		}()
	}
	wg.Wait()
	if got[200] == 0 || got[200] > 16 || got[200]+got[429] != 400 {
		t.Errorf("%v", got)
	}
}

func TestForms(t *testing.T) {
	s := newTerminal(t)
	ok := []string{"profile", "right-to-drive", "code", goodCode}
	for _, tt := range []struct {
		name   string
		fields []string
		status int
		says   string
	}{
		{"no code", []string{"profile", "right-to-drive"}, 400, "There is no code"},
		{"another code", []string{"profile", "right-to-drive", "code", "https://example.com"}, 400, "not the code of a wallet"},
		{"a code that does not parse", []string{"profile", "right-to-drive", "code", "mdoc:AAAA"}, 400, "cannot be used"},
		{"no such profile", []string{"profile", "speed", "code", goodCode}, 400, "cannot be used"},
		{"a picture without a code", []string{"profile", "right-to-drive", "picture", string(blank(t, 200, 200))}, 400, "No code was found"},
		{"a picture that is none", []string{"profile", "right-to-drive", "picture", "text"}, 400, "No code was found"},
		{"a field twice", append(ok, "code", goodCode), 400, ""},
		{"long field", []string{"profile", strings.Repeat("x", 9000)}, 413, ""},
		{"not text", []string{"profile", "right-to-drive", "code", "mdoc:\xff"}, 400, ""},
		{"many fields", strings.Split(strings.Repeat("a,b,", 1)+"c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r", ","), 400, ""},
		{"a picture of a code", []string{"profile", "right-to-drive", "picture", string(picture(t, goodCode))}, 303, ""},
		{"of the simulated phone", []string{"profile", "right-to-drive", "code", "", "simulated", goodCode}, 303, ""},
		{"all in order", ok, 303, ""},
	} {
		b := s.browser()
		s.clock.Advance(61e9)
		before := len(s.ended)
		a := b.ask(tt.fields...)
		if a.StatusCode != tt.status || !strings.Contains(a.text(), tt.says) {
			t.Errorf("%s: %d %s", tt.name, a.StatusCode, a.text())
		}
		if a.StatusCode == 303 {
			<-s.ended
			b.settled()
		} else if len(s.ended) != before {
			t.Errorf("%s: a phone is asked", tt.name)
		}
	}
	mediaType, body := fields(ok...)
	for name, header := range map[string][]string{
		"foreign host":           {"Host", "reader.example"},
		"rebound host":           {"Host", "127.0.0.1.reader.example:8770"},
		"foreign site":           {"Sec-Fetch-Site", "cross-site"},
		"same site, not origin":  {"Sec-Fetch-Site", "same-site"},
		"foreign origin":         {"Origin", "https://reader.example"},
		"another port of ours":   {"Origin", "http://127.0.0.1:9"},
		"no origin (a sandbox)":  {"Origin", "null"},
		"encoded":                {"Content-Encoding", "gzip"},
		"another kind of a form": {"Content-Type", "text/plain"},
	} {
		s.clock.Advance(61e9)
		b := s.browser()
		if a := b.do("POST", "/read", mediaType, body, header...); a.StatusCode != http.StatusForbidden && a.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
		if a := b.do("POST", "/frame", "image/png", picture(t, goodCode), header...); a.StatusCode != http.StatusForbidden && a.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("frame, %s: %d", name, a.StatusCode)
		}
	}
	if a := s.browser().do("POST", "/close", "application/x-www-form-urlencoded", nil, "Origin", "https://reader.example"); a.StatusCode != http.StatusForbidden {
		t.Errorf("closed from elsewhere: %d", a.StatusCode)
	}
	s.clock.Advance(61e9)
	if a := s.browser().do("POST", "/read", mediaType, append(body, make([]byte, 12<<20)...)); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("oversize form: %d", a.StatusCode)
	}
}

// Whatever stands in a form, it is refused or read, and nothing panics.
func FuzzForm(f *testing.F) {
	mediaType, body := fields("profile", "right-to-drive", "code", goodCode)
	f.Add(mediaType, body)
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=code\r\n\r\nmdoc:\r\n--x--"))
	var s *terminal // one for all: templates take longer than forms
	f.Fuzz(func(t *testing.T, mediaType string, body []byte) {
		if strings.ContainsAny(mediaType, "\r\n\x00") {
			return
		}
		if s == nil {
			s = newTerminal(t)
		}
		s.t = t
		s.clock.Advance(61e9)
		s.log.Reset()
		before := len(s.wishes)
		switch a := s.browser().do("POST", "/read", mediaType, body); a.StatusCode {
		case http.StatusSeeOther:
			<-s.ended
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
			if len(s.wishes) != before {
				t.Error("refused, and asked")
			}
		case http.StatusConflict: // the one before is about to end
		default:
			t.Errorf("%d: %s", a.StatusCode, a.text())
		}
	})
}
