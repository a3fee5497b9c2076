package shares

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// slow multiplies as polynomials, reduced at the end: another way than mul's.
func slow(a, b byte) byte {
	var product uint16
	for i := range 8 {
		if b>>i&1 == 1 {
			product ^= uint16(a) << i
		}
	}
	for i := 15; i >= 8; i-- {
		if product>>i&1 == 1 {
			product ^= 0x11b << (i - 8)
		}
	}
	return byte(product)
}

func TestField(t *testing.T) {
	for a := range 256 {
		for b := range 256 {
			if got, want := mul(byte(a), byte(b)), slow(byte(a), byte(b)); got != want {
				t.Fatalf("%#x times %#x is %#x, want %#x", a, b, got, want)
			}
		}
		if a == 0 {
			if inv(0) != 0 {
				t.Error("0 has an inverse")
			}
		} else if mul(byte(a), inv(byte(a))) != 1 {
			t.Errorf("%#x times %#x is not 1", a, inv(byte(a)))
		}
	}
	if mul(0x53, 0xca) != 1 { // FIPS 197's field
		t.Error("0x53 and 0xca are not inverse: another polynomial")
	}
}

// TestFieldIsConstant: what handles octets of secrets looks nothing up and decides
// nothing (CVE-2023-25000). The one loop runs eight times whatever it is about.
func TestFieldIsConstant(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "field.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	loops, functions := 0, 0
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IndexExpr, *ast.IfStmt, *ast.SwitchStmt, *ast.ForStmt, *ast.SliceExpr, *ast.GoStmt, *ast.CompositeLit:
			t.Errorf("field.go has a %T", n)
		case *ast.BinaryExpr:
			switch n.Op {
			case token.LAND, token.LOR, token.QUO, token.REM, token.EQL, token.NEQ, token.LSS, token.GTR:
				t.Errorf("field.go has %s", n.Op)
			}
		case *ast.RangeStmt:
			loops++
			if lit, ok := n.X.(*ast.BasicLit); !ok || lit.Value != "8" {
				t.Error("a loop that does not run eight times")
			}
		case *ast.FuncDecl:
			functions++
		}
		return true
	})
	if loops != 1 || functions != 3 {
		t.Errorf("%d loops, %d functions: the test looks at the wrong file", loops, functions)
	}
}
