package archtest

// Room is a row of the floor table of ARCHITECTURE.md.
type Room struct {
	Room   string
	Floor  float64
	Reason string
}

// Floors says who stands where. A package imports only lower floors.
var Floors = []Room{
	{"internal/cbor", 0, "the only door to the CBOR library"},
	{"internal/jose", 0, "JOSE, and the strict JSON reader"},
	{"internal/qr", 0, "the only door to the QR libraries"},
	{"internal/aesgcm", 0, "AES-GCM with nonces of ours, in FIPS 140-3 mode too"},
	{"internal/problem", 0, "kinds of refusal; knows nothing of HTTP"},
	{"internal/clock", 0, "the present instant, turnable in tests"},
	{"internal/i18n", 0, "message catalogue in four languages"},
	{"internal/faults", 0, "named points where tests make the program fail; nothing in release builds"},
	{"internal/portrait", 0, "drawn faces for sample records"},
	{"internal/typedcode", 0, "secrets that people type"},
	{"internal/legible", 0, "text of strangers for a terminal"},
	{"internal/outfile", 0, "files put into their place whole, following no link"},
	{"internal/diagnosis", 0, "what a look at a program tells its operator"},
	{"internal/browsertest", 0, "pages in a real browser, for tests"},
	{"internal/guesttest", 0, "machines in an emulator, for tests"},
	{"internal/timingtest", 0, "whether how long something takes tells of a secret, for tests"},
	{"internal/strictyaml", 0, "files that people write: one document, every key known"},
	{"internal/archtest", 0, "this test"},

	{"internal/cose", 1, "signed and authenticated CBOR envelopes"},
	{"internal/oauth", 1, "pure rules of OAuth"},
	{"internal/pki", 1, "certificate profiles and path rules"},
	{"internal/keys", 1, "keys by URI"},
	{"internal/audit", 1, "append-only record of what was done"},

	{"internal/mdoc", 2, "ISO 18013-5 data"},
	{"internal/sdjwt", 2, "RFC 9901 data"},
	{"internal/statuslist", 2, "Token Status List and identifier list"},
	{"internal/trust", 2, "who may sign what"},
	{"internal/oid4vci", 2, "messages of OpenID4VCI, no I/O"},
	{"internal/document", 2, "the legal things and their state at an instant"},
	{"internal/elements", 2, "data elements of mDL and PID"},
	{"internal/policy", 2, "request profiles, freshness, colour"},
	{"internal/rotation", 2, "which of several keys signs at an instant"},

	{"internal/catalog", 3, "credential configurations: joins formats and elements"},
	{"internal/verification", 3, "the one core of every verifier"},
	{"internal/proximity", 3, "ISO 18013-5 sessions over a Transport"},
	{"internal/bundle", 3, "what a reader without a network knows, in one signed file"},

	{"internal/issuance", 4, "offers, Prepare and Sign"},
	{"internal/authserver", 4, "codes, tokens, DPoP binding"},
	{"internal/registry", 4, "inbox of events"},
	{"internal/status", 4, "published lists"},
	{"internal/notice", 4, "what holders are told"},
	{"internal/officer", 4, "who works at the console, and what needs two of them"},
	{"internal/citizen", 4, "what holders do to their wallets: revocation codes"},
	{"internal/fleet", 4, "readers: invited, enrolled, revoked"},
	{"internal/signer", 4, "signs what it can read: the room that alone uses keys"},
	{"internal/ceremony", 4, "acts over roots and their leaves, by people together"},
	{"internal/emergency", 4, "what a lost key, wallet provider or registry means for the copies"},
	{"internal/bulk", 4.5, "loading and comparing whole registries: joins the records of several services"},
	{"internal/wallet", 4, "reference holder"},

	{"internal/webserver", 5, "HTTP technology"},
	{"internal/store", 5, "storage technology"},
	{"internal/backup", 5, "encrypted archives"},
	{"internal/publication", 5, "published lists as files"},
	{"internal/delivery", 5, "webhooks and mail"},
	{"internal/fetch", 5, "remote bytes"},
	{"internal/idp", 5, "login of citizens at an OpenID Connect provider"},
	{"internal/ble", 5, "the radio: BlueZ over D-Bus"},

	{"internal/consolehttp", 6, "pages of the console"},
	{"internal/issuerhttp", 6, "HTTP adapters of the issuer, pages of its authorization endpoint"},
	{"internal/citizenhttp", 6, "pages for the holders of documents"},
	{"internal/verifierhttp", 6, "pages of a reader at a terminal"},

	{"internal/app", 7, "the wiring, used by cmd and tests alike"},
	{"internal/app/demo", 7.7, "joins issuer, wallet and verifier into one story"},

	{"cmd", 8, "flags and usage, nothing else"},

	{"api", 0, "wire types of our own APIs; imports nothing of ours"},
}

// OnlyImporter says which packages may import a library; the prefix counts.
var OnlyImporter = []struct {
	Library string
	Rooms   []string
	Reason  string
}{
	{"github.com/fxamacker/cbor", []string{"internal/cbor"}, "its defaults accept duplicate keys: one place sets the modes"},
	{"github.com/lestrrat-go/jwx", nil, "an oracle for the tests of jose, never linked: its defaults accept unknown crit and duplicate members"},
	{"github.com/skip2/go-qrcode", []string{"internal/qr"}, "replaceable encoder"},
	{"github.com/makiuchi-d/gozxing", []string{"internal/qr"}, "replaceable decoder"},
	{"github.com/gin-gonic/gin", []string{"internal/webserver", "internal/webserver/pages", "internal/issuerhttp", "internal/consolehttp", "internal/citizenhttp", "internal/verifierhttp"}, "handler cores never see the framework"},
	{"github.com/godbus/dbus", []string{"internal/ble", "internal/ble/bletest"}, "one place talks to BlueZ; sessions see links"},
	{"github.com/coreos/go-oidc", []string{"internal/idp"}, "services see who logged in, not how"},
	{"go.etcd.io/bbolt", []string{"internal/store/bolt"}, "no transaction handle leaves a store"},
	{"filippo.io/age", []string{"internal/backup", "internal/keys/shares"}, "archives, and the shares of a root's key"},
	{"github.com/ThalesGroup/crypto11", nil, "a peer of the tests of internal/keys/pkcs11, never linked"},
	{"github.com/miekg/pkcs11", []string{"internal/keys/pkcs11"}, "one place talks to tokens; the only C"},
	{"golang.org/x/mod", []string{"internal/audit"}, "the Merkle tree of the audit record"},
	{"github.com/getkin/kin-openapi", nil, "tests only"},
	{"github.com/prometheus/client_golang", []string{"internal/webserver/metrics"}, "services take small interfaces"},
	{"github.com/veraison/go-cose", nil, "an oracle for tests, never linked"},
	{"github.com/google/go-cmp", nil, "tests only"},
	{"pgregory.net/rapid", nil, "tests only"},
	{"github.com/chromedp", []string{"internal/browsertest"}, "tests only: one room starts browsers"},
	{"testing", []string{"internal/pki/pkitest", "internal/store/storetest", "internal/browsertest", "internal/guesttest", "internal/timingtest"}, "no testing package in production code"},
}

// Pure rooms: what they must not import, and why.
var Forbidden = []struct {
	Rooms   []string
	Imports []string
	Reason  string
}{
	{[]string{"internal/mdoc"}, []string{Module + "/internal/sdjwt"}, "the two formats know nothing of each other"},
	{[]string{"internal/sdjwt"}, []string{Module + "/internal/mdoc"}, "the two formats know nothing of each other"},
	{
		[]string{"internal/cbor", "internal/jose", "internal/cose", "internal/oauth", "internal/mdoc", "internal/sdjwt", "internal/statuslist", "internal/oid4vci", "internal/document", "internal/elements", "internal/policy", "internal/verification", "internal/proximity", "internal/bundle"},
		[]string{"net", "net/http", "os", "log/slog"}, "formats and rules do no input or output",
	},
}

// NotLinked lists what a room may not reach by any way: what the wasm build
// and an offline reader must not carry.
var NotLinked = []struct {
	Room      string
	Libraries []string
}{
	{"internal/verification", []string{Module + "/internal/store", "github.com/gin-gonic/gin", "go.etcd.io/bbolt", Module + "/internal/keys", "net/http"}},
	{"internal/proximity", []string{Module + "/internal/store", "github.com/gin-gonic/gin", "go.etcd.io/bbolt", Module + "/internal/keys", "net/http"}},
	{"internal/bundle", []string{Module + "/internal/store", "github.com/gin-gonic/gin", "go.etcd.io/bbolt", Module + "/internal/keys", "net/http"}},
}

// ForbiddenCall is a function that floors below Below must not call.
var ForbiddenCall = []struct {
	Call   string
	Below  float64
	Except []string
	Reason string
}{
	{"time.Now", 4, []string{"internal/clock", "internal/timingtest", "api/registryclient"}, "the instant is an argument"},
	{"encoding/json.Unmarshal", 3, []string{"internal/jose", "api/registryclient"}, "it takes the last of two members and ignores case; untrusted JSON goes through jose"},
	{"encoding/json.NewDecoder", 3, []string{"internal/jose", "api/registryclient"}, "as json.Unmarshal"},
	{"encoding/base64.RawURLEncoding.DecodeString", 9, []string{"internal/jose"}, "accepts CR, LF and loose bits"},
	{"crypto/cipher.NewGCM", 9, []string{"internal/aesgcm", "internal/jose"}, "where FIPS 140-3 is enforced it takes no nonces of ours"},
	{"crypto/x509.SystemCertPool", 9, nil, "the system roots are never trusted"},
	{"math/rand.Int", 9, nil, "randomness is crypto/rand, passed in"},
}
