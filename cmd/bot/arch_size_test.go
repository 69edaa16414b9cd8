package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// functionLines counts the lines between the braces that are not comments.
func functionLines(fset *token.FileSet, f *ast.File, fn *ast.FuncDecl) int {
	line := func(p token.Pos) int { return fset.Position(p).Line }
	code := map[int]bool{}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if n != nil {
			code[line(n.Pos())], code[line(n.End()-1)] = true, true
		}
		return true
	})
	lines := line(fn.Body.Rbrace) - line(fn.Body.Lbrace) - 1
	for _, group := range f.Comments {
		if group.Pos() < fn.Body.Lbrace || group.End() > fn.Body.Rbrace {
			continue
		}
		for l := line(group.Pos()); l <= line(group.End()); l++ {
			if !code[l] {
				lines--
			}
		}
	}
	return lines
}

func TestArch_FunctionLines(t *testing.T) {
	const source = `package x

func f(a int) int { // not inside
	// a comment

	b := a /* beside code */ + 1 // beside code
	/* two
	lines */
	return b
}
`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "x.go", source, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	if got := functionLines(fset, f, f.Decls[0].(*ast.FuncDecl)); got != 3 {
		t.Errorf("%d lines, want 3", got)
	}
}
