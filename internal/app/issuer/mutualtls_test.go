package issuer_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"vidimus/api/registryclient"
	"vidimus/internal/app/issuer"
	"vidimus/internal/keys/soft"
)

// authority is a CA over TLS certificates, in memory.
type authority struct {
	t *testing.T
	*tlsEntity
}

var serial atomic.Int64

// newAuthority writes NAME.pem and NAME.key.
func newAuthority(t *testing.T, dir, name string) authority {
	t.Helper()
	key := newKey(t)
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), Subject: pkix.Name{CommonName: name}, NotBefore: start.Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour), // for the clock of the office, and the real one
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte(name),
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, name+".pem"), "CERTIFICATE", der)
	write(t, filepath.Join(dir, name+".key"), "PRIVATE KEY", pkcs8(t, key))
	return authority{t, &tlsEntity{cert, key}}
}

// client is a certificate of the registry; change makes it another.
func (a authority) client(change ...func(*x509.Certificate)) tls.Certificate {
	a.t.Helper()
	key := newKey(a.t)
	tpl := &x509.Certificate{
		SerialNumber: big.NewInt(serial.Add(1)), NotBefore: start.Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour), DNSNames: []string{"registry.example"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, f := range change {
		f(tpl)
	}
	der, err := x509.CreateCertificate(rand.Reader, tpl, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// crl writes a list of revoked certificates, good from an hour before at until
// an hour after.
func (a authority) crl(path string, number int64, at time.Time, revoked ...tls.Certificate) {
	a.t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: at.Add(-time.Hour), NextUpdate: at.Add(time.Hour)}
	for _, c := range revoked {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.Leaf.SerialNumber, RevocationTime: at})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	write(a.t, path, "X509 CRL", der)
	// The office looks at the time of the file: two lists of one test differ.
	when := time.Now().Add(time.Duration(number) * time.Second)
	if err := os.Chtimes(path, when, when); err != nil {
		a.t.Fatal(err)
	}
}

// pretend writes a list in the name of the CA, by another key.
func (b *border) pretend(path string, number int64) {
	pretender := authority{b.t, &tlsEntity{b.ca.cert, b.other.key}}
	other := *b.ca.cert
	other.PublicKey = b.other.key.Public()
	pretender.cert = &other
	pretender.crl(path, number, b.clock.Now())
}

// border is an office whose registries come with certificates.
type border struct {
	*office
	ca, other authority
	list      string // CRL
	good      tls.Certificate
}

func newBorder(t *testing.T, good ...func(*x509.Certificate)) *border {
	b := &border{}
	dir := t.TempDir()
	b.ca, b.other, b.list = newAuthority(t, dir, "clients"), newAuthority(t, dir, "others"), filepath.Join(dir, "clients.crl")
	b.good = b.ca.client(good...)
	b.ca.crl(b.list, 1, start)
	pin := sha256.Sum256(b.good.Leaf.RawSubjectPublicKeyInfo)
	b.office = newOffice(t, func(c *issuer.Config) {
		*c = production(t, *c)
		c.RegistryTLS.ClientCA, c.RegistryTLS.CRL = filepath.Join(dir, "clients.pem"), b.list
		other := c.Sources[0]
		other.Issuer = "https://other.example"
		c.Sources = append(c.Sources, other)
		c.Sources[0].ClientPins = []string{strings.ToUpper(hex.EncodeToString(pin[:]))}
	}).serve()
	return b
}

// client speaks TLS to the registry listener.
func (b *border) client(change ...func(*tls.Config)) *http.Client {
	b.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b.read(filepath.Join(filepath.Dir(b.cfg.RegistryTLS.Certificate), "ca.pem")))
	config := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{b.good}, MinVersion: tls.VersionTLS12}
	for _, f := range change {
		f(config)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
}

func with(cert tls.Certificate) func(*tls.Config) {
	return func(c *tls.Config) {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }
	}
}

// ask pushes a body and gives the status, 0 when TLS refused.
func (b *border) ask(c *http.Client, body io.Reader) (int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, "https://"+b.app.Addresses().Registry+registryclient.EventsPath, body)
	b.must(err)
	req.Header.Set("Content-Type", registryclient.TokenType)
	res, err := c.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

func isCA(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true }

// Who has no certificate of the CA that is good now does not come to speak.
// Bad input R01.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	b := newBorder(t)
	revoked := b.ca.client()
	b.ca.crl(b.list, 2, start, revoked)
	for name, c := range map[string]func(*tls.Config){
		"none":           func(c *tls.Config) { c.Certificates = nil },
		"expired":        with(b.ca.client(func(c *x509.Certificate) { c.NotAfter = start.Add(-time.Minute) })),
		"not yet":        with(b.ca.client(func(c *x509.Certificate) { c.NotBefore = start.Add(time.Minute) })),
		"of another CA":  with(b.other.client()),
		"revoked":        with(revoked),
		"of a server":    with(b.ca.client(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })),
		"the CA itself":  with(tls.Certificate{Certificate: [][]byte{b.ca.cert.Raw}, PrivateKey: b.ca.key}),
		"TLS 1.2":        func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		"of no key":      with(tls.Certificate{Certificate: b.good.Certificate, PrivateKey: newKey(t)}),
		"of a pretender": with(newAuthority(t, t.TempDir(), "clients").client()),
	} {
		if status, text := b.ask(b.client(c), strings.NewReader("x")); status != 0 {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	// What TLS lets in and names nobody, or has a key that is not pinned, is
	// refused before its body is read.
	for name, cert := range map[string]tls.Certificate{
		"another name": b.ca.client(func(c *x509.Certificate) { c.DNSNames = []string{"stranger.example"} }),
		"no name":      b.ca.client(func(c *x509.Certificate) { c.DNSNames = nil; c.Subject.CommonName = "registry.example" }),
		"a CA's":       b.ca.client(isCA),
		"another key":  b.ca.client(),
	} {
		sent := b.push(cert, 1<<20)
		if sent.status != http.StatusBadRequest || !strings.Contains(sent.body, "access_denied") {
			t.Errorf("%s: %d %s", name, sent.status, sent.body)
		}
	}
	// The control: the same with the right certificate comes to the token.
	if status, text := b.ask(b.client(), strings.NewReader("x")); status != http.StatusBadRequest || !strings.Contains(text, "invalid_request") {
		t.Errorf("the right certificate: %d %s", status, text)
	}
}

type pushed struct {
	status int
	body   string
}

// push announces a body and waits for the answer before it sends any of it.
func (b *border) push(cert tls.Certificate, size int) pushed {
	b.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(b.read(filepath.Join(filepath.Dir(b.cfg.RegistryTLS.Certificate), "ca.pem")))
	conn, err := tls.Dial("tcp", b.app.Addresses().Registry, &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{cert}})
	b.must(err)
	defer conn.Close()
	b.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", registryclient.EventsPath, registryclient.TokenType, size)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	b.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	b.must(err)
	return pushed{status: res.StatusCode, body: string(text)}
}

// The list of revoked certificates is that of the CA, counts only while it is
// good, and is read again when it changes.
// Bad input R01.
func TestRevokedClients(t *testing.T) {
	t.Parallel()
	b := newBorder(t)
	in := func() bool {
		status, _ := b.ask(b.client(), strings.NewReader("x"))
		return status == http.StatusBadRequest
	}
	for i, step := range []struct {
		name string
		do   func()
		in   bool
	}{
		{"a list without it", func() {}, true},
		{"a list with it", func() { b.ca.crl(b.list, 2, start, b.good) }, false},
		{"taken back", func() { b.ca.crl(b.list, 3, start) }, true},
		{"run out", func() { b.clock.Advance(2 * time.Hour) }, false},
		{"a new one", func() { b.ca.crl(b.list, 4, b.clock.Now()) }, true},
		{"of another CA", func() { b.other.crl(b.list, 5, b.clock.Now()) }, false},
		{"no list", func() { b.must(os.WriteFile(b.list, []byte("x"), 0o600)) }, false},
		{"gone", func() { b.must(os.Remove(b.list)) }, false},
		{"there again", func() { b.ca.crl(b.list, 6, b.clock.Now()) }, true},
		{"with it once more", func() { b.ca.crl(b.list, 7, b.clock.Now(), b.good) }, false},
		{"older than the one before", func() { b.ca.crl(b.list, 2, b.clock.Now()) }, false},
		{"newer", func() { b.ca.crl(b.list, 8, b.clock.Now()) }, true},
		{"far ahead and not of the CA", func() { b.pretend(b.list, 1000) }, false},
		{"the next of the CA", func() { b.ca.crl(b.list, 9, b.clock.Now()) }, true},
	} {
		step.do()
		if in() != step.in {
			t.Errorf("step %d, %s: let in %t", i, step.name, !step.in)
		}
	}
	b.must(b.stop())
	b.other.crl(b.list, 10, b.clock.Now())
	if _, err := b.new(); err == nil || !strings.Contains(err.Error(), "registry_tls.crl") {
		t.Errorf("a start with the list of another CA: %v", err)
	}
}

// A connection that is open does not outlive the certificate that it came with,
// nor the trust in it. Bad input R01.
func TestOpenConnection(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(b *border){
		"revoked":       func(b *border) { b.ca.crl(b.list, 2, start, b.good) },
		"list run out":  func(b *border) { b.clock.Advance(2 * time.Hour) },
		"list unsigned": func(b *border) { b.other.crl(b.list, 5, start) },
		"expired":       func(b *border) { b.clock.Advance(3 * time.Hour); b.ca.crl(b.list, 2, b.clock.Now()) },
	} {
		b := newBorder(t, func(c *x509.Certificate) { c.NotAfter = start.Add(150 * time.Minute) })
		c := b.client()
		transport := c.Transport.(*http.Transport)
		transport.DisableKeepAlives = false
		used := 0
		c.Transport = counting{transport, &used}
		for range 2 {
			if status, text := b.ask(c, strings.NewReader("x")); status != http.StatusBadRequest {
				t.Fatalf("%s: before: %d %s", name, status, text)
			}
		}
		spoil(b)
		if status, text := b.ask(c, strings.NewReader("x")); status != http.StatusForbidden || !strings.Contains(text, "access_denied") {
			t.Errorf("%s: on the open connection: %d %s", name, status, text)
		}
		if used != 1 {
			t.Errorf("%s: %d connections were made: this proves nothing", name, used)
		}
		if status, _ := b.ask(c, strings.NewReader("x")); status != 0 {
			t.Errorf("%s: on a new connection: %d", name, status)
		}
		b.must(b.stop())
	}
}

// counting counts the connections that are made.
type counting struct {
	*http.Transport
	made *int
}

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	return c.Transport.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			if !i.Reused {
				*c.made++
			}
		},
	})))
}

// What comes over the wire is bounded, whoever sends it.
// Bad inputs R08, R09 and R17.
func TestRegistryWire(t *testing.T) {
	t.Parallel()
	b := newBorder(t)
	c := b.client()
	do := func(path, mediaType string, body io.Reader, header ...string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+b.app.Addresses().Registry+path, body)
		b.must(err)
		req.Header.Set("Content-Type", mediaType)
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := c.Do(req)
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		if res.ProtoMajor != 1 {
			t.Errorf("%s", res.Proto)
		}
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	var bomb bytes.Buffer
	z, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed) // a tenth of the time under the race detector
	b.must(err)
	_, err = io.Copy(z, io.LimitReader(zeros{}, 64<<20))
	b.must(err)
	b.must(z.Close())
	batch, event := registryclient.BatchPath, registryclient.EventsPath
	for name, tt := range map[string]struct {
		path, mediaType string
		body            io.Reader
		header          []string
		want            []int
	}{
		"gzip bomb":                {batch, "application/json", &bomb, []string{"Content-Encoding", "gzip"}, []int{415}},
		"a batch without an end":   {batch, "application/json", io.LimitReader(zeros{}, 1<<40), nil, []int{413, 0}},
		"an event without an end":  {event, registryclient.TokenType, io.LimitReader(zeros{}, 1<<40), nil, []int{413, 0}},
		"a batch of 9 MiB":         {batch, "application/json", bytes.NewReader(make([]byte, 9<<20)), nil, []int{413}},
		"a million events":         {batch, "application/json", strings.NewReader(`{"sets":{` + strings.TrimSuffix(strings.Repeat(`"a":"b",`, 1_000_000), ",") + `}}`), nil, []int{400, 413}},
		"a million other events":   {batch, "application/json", strings.NewReader(many(1_000_000)), nil, []int{413}},
		"lines":                    {batch, "application/x-ndjson", strings.NewReader("{}\n{}\n"), nil, []int{415}},
		"a double jti":             {batch, "application/json", strings.NewReader(`{"sets":{"a":"b","a":"c"}}`), nil, []int{400}},
		"a double member":          {batch, "application/json", strings.NewReader(`{"sets":{"a":"b"},"sets":{}}`), nil, []int{400}},
		"another case":             {batch, "application/json", strings.NewReader(`{"Sets":{"a":"b"}}`), nil, []int{400}},
		"another media type":       {event, "application/json", strings.NewReader("{}"), nil, []int{415}},
		"two media types":          {event, registryclient.TokenType + ", text/plain", strings.NewReader("x"), nil, []int{415}},
		"a path with a query":      {event + "?a=1;b=2", registryclient.TokenType, strings.NewReader("x"), nil, []int{400}},
		"a path of another office": {"/office/v1/offers", "application/json", strings.NewReader("{}"), nil, []int{404}},
	} {
		status, text := do(tt.path, tt.mediaType, tt.body, tt.header...)
		good := false
		for _, w := range tt.want {
			good = good || w == status
		}
		if !good {
			t.Errorf("%s: %d %.100s", name, status, text)
		}
	}
	t.Run("HTTP/2 is not spoken", func(t *testing.T) {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(b.read(filepath.Join(filepath.Dir(b.cfg.RegistryTLS.Certificate), "ca.pem")))
		conn, err := tls.Dial("tcp", b.app.Addresses().Registry, &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{b.good}, NextProtos: []string{"h2", "http/1.1"}})
		b.must(err)
		defer conn.Close()
		if p := conn.ConnectionState().NegotiatedProtocol; p == "h2" {
			t.Errorf("negotiated %q", p)
		}
		b.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
		_, _ = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
		answer, _ := io.ReadAll(conn)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 4") && !strings.HasPrefix(string(answer), "HTTP/1.1 505") {
			t.Errorf("%q", answer)
		}
		if conn, err := tls.Dial("tcp", b.app.Addresses().Registry, &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{b.good}, NextProtos: []string{"h2"}}); err == nil {
			conn.Close()
			t.Error("h2 alone is agreed on")
		}
	})
	t.Run("without TLS", func(t *testing.T) {
		conn, err := net.Dial("tcp", b.app.Addresses().Registry)
		b.must(err)
		defer conn.Close()
		b.must(conn.SetDeadline(time.Now().Add(20 * time.Second)))
		fmt.Fprintf(conn, "GET /registry/v1/receipts HTTP/1.1\r\nHost: x\r\n\r\n")
		if answer, _ := io.ReadAll(conn); !strings.HasPrefix(string(answer), "HTTP/1.0 400") {
			t.Errorf("%q", answer)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func many(n int) string {
	var b strings.Builder
	b.WriteString(`{"sets":{`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"%d":"b"`, i)
	}
	b.WriteString(`}}`)
	return b.String()
}

// A source says what is its own to say, under its own name, for this office,
// now.
// Bad inputs R02 and R18.
func TestAuthority(t *testing.T) {
	t.Parallel()
	b := newBorder(t)
	dir := filepath.Dir(b.cfg.RegistryTLS.Certificate)
	key, err := soft.New("").Signer(t.Context(), "soft:path="+filepath.Join(dir, "2026-1.key"))
	b.must(err)
	s := &speaker{office: b.office, client: &registryclient.Client{
		Endpoint: "https://" + b.app.Addresses().Registry, Source: source, Audience: b.cfg.PublicURL, Signer: key, KeyID: "2026-1", Now: b.clock.Now, HTTP: b.client(),
	}}
	person := registryclient.PersonPut{Attributes: map[string]any{"family_name": "F", "given_name": "G", "birth_date": "1990-01-01"}}
	first := s.say("P-1", person)
	for name, tt := range map[string]struct {
		change  func(*registryclient.Client)
		payload registryclient.Payload
		code    string
		audited bool
	}{
		"a fact of another registry":   {nil, ban("M", registryclient.CourtBan), "access_denied", true},
		"a type of another registry":   {nil, registryclient.DocumentPut{Number: "B-1", Type: "boat", IssueDate: "2026-01-01", IssuingAuthority: "A", IssuingCountry: "UT"}, "access_denied", true},
		"a right of another registry":  {nil, registryclient.EntitlementPut{Kind: "fishing", Territory: "UT"}, "access_denied", true},
		"under a name that nobody has": {func(c *registryclient.Client) { c.Source = "https://nobody.example" }, person, "invalid_issuer", false},
		"under the name of another":    {func(c *registryclient.Client) { c.Source = "https://other.example" }, person, "access_denied", true},
		"by another key":               {func(c *registryclient.Client) { c.Signer = newKey(t) }, person, "authentication_failed", true},
		"by a key that is not there":   {func(c *registryclient.Client) { c.KeyID = "2025-1" }, person, "invalid_key", true},
		"for another office":           {func(c *registryclient.Client) { c.Audience = "https://other.example" }, person, "invalid_audience", false},
		"signed two days ago":          {func(c *registryclient.Client) { c.Now = func() time.Time { return start.Add(-48 * time.Hour) } }, person, "invalid_request", false},
		"signed tomorrow":              {func(c *registryclient.Client) { c.Now = func() time.Time { return start.Add(24 * time.Hour) } }, person, "invalid_request", false},
	} {
		client := *s.client
		if tt.change != nil {
			tt.change(&client)
		}
		set, err := client.Sign(registryclient.Event{Subject: "P-1", Seq: 2, Payload: tt.payload})
		b.must(err)
		r := &registryclient.Refusal{}
		if err := s.client.Push(t.Context(), set); err == nil {
			t.Fatalf("%s: taken", name)
		} else if r = refusalOf(err); r == nil || r.Status != http.StatusBadRequest || tt.code != "" && r.Code != tt.code {
			t.Errorf("%s: %v", name, err)
			continue
		}
		digest := sha256.Sum256([]byte(set.Token))
		if n := b.audited("registry.refuse", hex.EncodeToString(digest[:])); (n == 1) != tt.audited {
			t.Errorf("%s: %d lines of audit (%s)", name, n, r.Code)
		}
	}
	// A captured push, replayed a day later by whoever can come to speak, does
	// nothing; nor does it elsewhere.
	version, _ := b.version("P-1")
	b.clock.Advance(23 * time.Hour)
	b.ca.crl(b.list, 9, b.clock.Now())
	b.must(s.client.Push(t.Context(), first))
	if v, _ := b.version("P-1"); v != version {
		t.Error("a replay has an effect")
	}
}
