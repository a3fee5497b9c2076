package issuerhttp

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"vidimus/internal/clock"
	"vidimus/internal/status"
	"vidimus/internal/statuslist"
	"vidimus/internal/webserver"
)

// shelf has one list of each kind, and one that was retired.
type shelf struct {
	retired bool
	empty   bool
}

func object(uri, mediaType, body string) *status.Object {
	return &status.Object{Body: []byte(body), MediaType: mediaType, ETag: `"` + mediaType + `"`, Digest: sha256.Sum256([]byte(body)), URI: uri, TTL: 5 * time.Minute}
}

func (s *shelf) Token(_ context.Context, id string, format statuslist.Format) (*status.Object, error) {
	switch {
	case id != "a" || s.retired:
		return nil, status.ErrListNotFound
	case format == statuslist.FormatCWT:
		return object("/status/a", status.MediaTypeCWT, strings.Repeat("cwt", 500)), nil
	}
	return object("/status/a", status.MediaTypeJWT, strings.Repeat("jwt", 500)), nil
}

func (s *shelf) Identifiers(_ context.Context, id string) (*status.Object, error) {
	if id != "i" {
		return nil, status.ErrListNotFound
	}
	return object("/identifiers/i", status.MediaTypeIdentifiers, strings.Repeat("ids", 500)), nil
}

func (s *shelf) Aggregation() *status.Object {
	if s.empty {
		return nil
	}
	return object("/status", status.MediaTypeAggregation, `{"status_lists":[]}`)
}

func ask(t *testing.T, s *shelf, path string, header ...string) *http.Response {
	t.Helper()
	e, err := webserver.New(webserver.Config{Listener: "test", Log: slog.New(slog.DiscardHandler), Clock: clock.System{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	statusLists(e, "/office", s)
	r := httptest.NewRequest(http.MethodGet, "http://issuer.example/office"+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		in = z
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(in); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Each address has its forms and no others, with a plain media type.
func TestListNegotiation(t *testing.T) {
	const jwt, cwt, ids = status.MediaTypeJWT, status.MediaTypeCWT, status.MediaTypeIdentifiers
	for _, c := range []struct {
		path, accept string
		status       int
		mediaType    string
	}{
		{"/status/a", "", 200, jwt}, {"/status/a", "*/*", 200, jwt}, {"/status/a", jwt, 200, jwt}, {"/status/a", cwt, 200, cwt},
		{"/status/a", cwt + ", " + jwt + ";q=0.5", 200, cwt}, {"/status/a", "application/*", 200, jwt}, {"/status/a", ids, 406, ""},
		{"/status/a", "text/html", 406, ""}, {"/status/i", "", 404, ""}, {"/status/b", "", 404, ""},
		{"/identifiers/i", "", 200, ids}, {"/identifiers/i", ids, 200, ids}, {"/identifiers/i", "application/*;q=0.1", 200, ids},
		{"/identifiers/i", cwt, 406, ""}, {"/identifiers/a", "", 404, ""}, {"/identifiers", "", 404, ""},
		{"/status", "", 200, "application/json"},
	} {
		r := ask(t, &shelf{}, c.path, "Accept", c.accept)
		if r.StatusCode != c.status || c.status == 200 && r.Header.Get("Content-Type") != c.mediaType {
			t.Errorf("%s, Accept %q: %d %s, want %d %s", c.path, c.accept, r.StatusCode, r.Header.Get("Content-Type"), c.status, c.mediaType)
		}
	}
}

func TestListCaching(t *testing.T) {
	for path, want := range map[string]string{"/status/a": "jwt", "/identifiers/i": "ids"} {
		plain := ask(t, &shelf{}, path)
		etag := plain.Header.Get("ETag")
		if body(t, plain) != strings.Repeat(want, 500) || etag == "" || plain.Header.Get("Cache-Control") != "public, max-age=150" || plain.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", path, plain.Header)
		}
		zipped := ask(t, &shelf{}, path, "Accept-Encoding", "gzip")
		if zipped.Header.Get("Content-Encoding") != "gzip" || zipped.Header.Get("ETag") == etag || body(t, zipped) != strings.Repeat(want, 500) {
			t.Errorf("%s zipped: %v", path, zipped.Header)
		}
		for _, again := range []*http.Response{
			ask(t, &shelf{}, path, "If-None-Match", etag),
			ask(t, &shelf{}, path, "If-None-Match", zipped.Header.Get("ETag"), "Accept-Encoding", "gzip"),
		} {
			if again.StatusCode != 304 || body(t, again) != "" {
				t.Errorf("%s again: %d", path, again.StatusCode)
			}
		}
		if other := ask(t, &shelf{}, path, "If-None-Match", `"other"`); other.StatusCode != 200 {
			t.Errorf("%s: %d", path, other.StatusCode)
		}
	}
}

// A list that was retired is no more; nothing at all is 503 before the first
// publication.
func TestListRetired(t *testing.T) {
	if r := ask(t, &shelf{retired: true}, "/status/a"); r.StatusCode != 404 {
		t.Errorf("%d", r.StatusCode)
	}
	if r := ask(t, &shelf{empty: true}, "/status"); r.StatusCode != 503 {
		t.Errorf("%d", r.StatusCode)
	}
}
