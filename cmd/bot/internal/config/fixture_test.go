package config_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/config"
)

var update = flag.Bool("update", false, "rewrite what the fixtures expect")

// wanted introduces what a fixture expects, at its end, one problem a line.
const wanted = "#= "

// TestFixtures loads one file a rule: testdata/<code>.yaml says at its end
// everything that is wrong with it.
func TestFixtures(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for _, path := range paths {
		code := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(code, func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			c, report := config.Load(t.Context(), config.Options{Path: path, Registry: w.registry, LookupEnv: lookup(environment)})
			if (c == nil) == report.OK() {
				t.Errorf("there is a configuration: %t, the report is OK: %t", c != nil, report.OK())
			}
			if c != nil {
				c.Close()
			}
			if w.closed != w.made {
				t.Errorf("%d connections made, %d closed", w.made, w.closed)
			}
			got := expectation(report)
			if *update {
				rewrite(t, path, data, got)
				return
			}
			if diff := cmp.Diff(wants(data), got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if code != "sound" && !slices.ContainsFunc(report.Problems, func(p config.Problem) bool { return p.Code == code }) {
				t.Errorf("no problem has the code %s", code)
			}
		})
	}
}

func expectation(r *config.Report) []string {
	var out []string
	for _, p := range r.Problems {
		line := fmt.Sprintf("%d:%d %s %s: %s", p.Line, p.Column, p.Severity, p.Code, p.Message)
		if p.Hint != "" {
			line += " (" + p.Hint + ")"
		}
		out = append(out, line)
	}
	return out
}

func wants(data []byte) []string {
	var out []string
	for line := range strings.Lines(string(data)) {
		if want, ok := strings.CutPrefix(line, wanted); ok {
			out = append(out, strings.TrimSuffix(want, "\n"))
		}
	}
	return out
}

func rewrite(t *testing.T, path string, data []byte, want []string) {
	t.Helper()
	var b bytes.Buffer
	for line := range bytes.Lines(data) {
		if !bytes.HasPrefix(line, []byte(wanted)) {
			b.Write(line)
		}
	}
	for _, w := range want {
		b.WriteString(wanted + w + "\n")
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// elsewhere are codes that no file of its own can show, with the test that does.
var elsewhere = map[string]string{
	"internal":        "TestLoad_DriverThatMakesNothing",
	"file_unreadable": "TestLoad_UnreadableFile",
	"tests_not_run":   "TestLoad_TestsNeedPeople", "unknown_resource_type": "flows: only with an inventory", "unknown_permission": "flows: only with an inventory",
}

// TestFixtures_EveryCode finds the codes in the source and wants a fixture for each.
func TestFixtures_EveryCode(t *testing.T) {
	for _, code := range slices.Sorted(maps.Keys(codes(t))) {
		if _, ok := elsewhere[code]; ok {
			continue
		}
		if _, err := os.Stat(filepath.Join("testdata", code+".yaml")); err != nil {
			t.Errorf("the code %q has no fixture testdata/%s.yaml", code, code)
		}
	}
}

// codes collects the literals that stand where a code does.
func codes(t *testing.T) map[string]bool {
	t.Helper()
	argument := map[string]int{"fail": 1, "warn": 1, "node": 1, "refuse": 1, "oneOf": 1, "invalid": 0, "secretIssue": 1}
	out := map[string]bool{}
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if code, err := strconv.Unquote(lit.Value); err == nil && !strings.Contains(code, " ") && code != "" {
				out[code] = true
			}
		}
	}
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	checks, err := filepath.Glob("../../../../flows/check*.go")
	if err != nil || len(checks) == 0 {
		t.Fatalf("no checks: %v", err)
	}
	for _, path := range append(paths, append(checks, "../../../../flows/policytest.go")...) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if i, ok := argument[called(n.Fun)]; ok && i < len(n.Args) {
					add(n.Args[i])
				}
			case *ast.KeyValueExpr:
				if id, ok := n.Key.(*ast.Ident); ok && id.Name == "Code" {
					add(n.Value)
				}
			}
			return true
		})
	}
	return out
}

func called(fun ast.Expr) string {
	switch fun := fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return fun.Sel.Name
	}
	return ""
}
