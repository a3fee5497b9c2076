package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// secretRooms are those that compare what somebody sent with what only they may know.
var secretRooms = []string{
	"internal/cose", "internal/jose", "internal/oauth", "internal/oid4vci", "internal/typedcode", "internal/keys",
	"internal/issuance", "internal/authserver", "internal/officer", "internal/citizen", "internal/fleet", "internal/idp", "internal/signer",
	"internal/issuerhttp", "internal/citizenhttp", "internal/consolehttp", "internal/verifierhttp", "internal/webserver",
	"internal/store/bolt", "internal/store/memory", "internal/app/issuer", "internal/app/signer", "internal/app/verifier",
}

// secretName is how variables and fields are called that hold a secret, or a MAC or
// digest by which one is known.
var secretName = regexp.MustCompile(`(?i)(secret|password|passphrase|mac$|^mac|txcode|tx_code|token$|token_hash|tokenhash|codehash|\bpin$|verifier$|state_?secret|thumbprint|^ath$|^jkt$|formtoken)`)

// comparers are functions that end early.
var comparers = []string{"bytes.Equal", "bytes.Compare", "slices.Equal", "strings.Compare", "strings.EqualFold", "reflect.DeepEqual"}

// harmless are comparisons of a room that the rule finds and that leak nothing, by
// the text that it reports, with the reason.
var harmless = map[string]string{
	"internal/authserver: secretDigest != CodeHash":  "both are derived here, of one salt; nobody sends either",
	"internal/authserver: named != Thumbprint":       "both come from the asker, of the asker's own key",
	"internal/keys/shares: again bytes.Equal secret": "both are made here, in a ceremony; nobody sends either",
}

// name gives the last name of an expression: c.ATH, []byte(token), sum[:], f(x).
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.ParenExpr:
		return name(e.X)
	case *ast.SliceExpr:
		return name(e.X)
	case *ast.IndexExpr:
		return name(e.X)
	case *ast.CallExpr:
		if len(e.Args) == 1 {
			if _, isType := e.Fun.(*ast.ArrayType); isType || name(e.Fun) == "string" {
				return name(e.Args[0])
			}
		}
		return name(e.Fun)
	}
	return ""
}

// fixed says whether an expression is no secret: a literal, nil, a constant by its
// value, a length.
func fixed(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit, *ast.CompositeLit:
		return true
	case *ast.Ident:
		return e.Name == "nil" || e.Name == "true" || e.Name == "false"
	case *ast.CallExpr:
		return name(e.Fun) == "len"
	}
	return false
}

// hasty gives the comparisons of a file that take longer the more of a secret is right.
func hasty(file *ast.File, set *token.FileSet) (out []string) {
	report := func(n ast.Node, how string, x, y ast.Expr) {
		if fixed(x) || fixed(y) || !secretName.MatchString(name(x)) && !secretName.MatchString(name(y)) {
			return
		}
		out = append(out, set.Position(n.Pos()).String()+": "+name(x)+" "+how+" "+name(y))
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				report(n, n.Op.String(), n.X, n.Y)
			}
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) == 2 {
				if of, ok := sel.X.(*ast.Ident); ok && slices.Contains(comparers, of.Name+"."+sel.Sel.Name) {
					report(n, of.Name+"."+sel.Sel.Name, n.Args[0], n.Args[1])
				}
			}
		}
		return true
	})
	return out
}

// Bad input K12: secrets are compared by crypto/subtle or crypto/hmac alone.
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	seen, rooms := 0, map[string]bool{}
	used := map[string]bool{}
	for _, room := range secretRooms {
		err := filepath.WalkDir("../../"+room, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && d.Name() == "testdata" {
				return errOr(err, fs.SkipDir)
			}
			if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return nil
			}
			set := token.NewFileSet()
			file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			seen++
			rooms[room] = true
			for _, at := range hasty(file, set) {
				where, what, _ := strings.Cut(at, ": ")
				key := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../") + ": " + what
				if harmless[key] != "" {
					used[key] = true
					continue
				}
				t.Errorf("%s: %s: compare with crypto/subtle or hmac.Equal, or say in this test why it leaks nothing (%q)", where, what, key)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if seen < 100 {
		t.Errorf("only %d files read: the walk is broken", seen)
	}
	for key := range harmless {
		if !used[key] {
			t.Errorf("%q is nowhere: its line protects nothing", key)
		}
	}
}

func errOr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// The rule itself must bite.
func TestHastyComparisonsAreFound(t *testing.T) {
	src := `package x
func f() {
	_ = token == other
	_ = a.TxCodeMAC != b
	_ = bytes.Equal([]byte(x), sum.Secret[:])
	_ = string(clientSecret) == given
	_ = token == ""
	_ = len(secret) == len(other)
	_ = name == other
	_ = hmac.Equal(secret, other)
}`
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "x.go", src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if found := hasty(file, set); len(found) != 4 {
		t.Errorf("found: %q", found)
	}
}
