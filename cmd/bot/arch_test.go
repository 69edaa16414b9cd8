package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The architecture, as tables. A new package or library needs a row, so that
// whoever adds one says where it belongs.

const module = "apono/"

// mayImport is who may import which packages of this module. A row that ends
// with /* means the packages right under it; an own row of one of them wins.
var mayImport = map[string][]string{
	"flows":                         {},
	"bot/chat":                      {},
	"bot/cards":                     {"flows", "bot/chat"},
	"bot":                           {"flows", "bot/chat", "bot/cards"},
	"bot/slack":                     {"bot/chat", "bot/platform"},
	"bot/platform":                  {"bot/chat"},
	"bot/platform/platformtest":     {},
	"bot/slack/slacksim":            {},
	"bot/teams":                     {"bot/chat", "bot/platform"},
	"bot/teams/teamstest":           {},
	"docs/teams-manifest":           {},
	"bot/dispatch":                  {"flows", "bot/chat", "bot/cards", "provision"},
	"bot/sweep":                     {"flows"},
	"store":                         {"flows"},
	"store/*":                       {"flows", "store"},
	"store/storetest":               {"flows", "store", "store/*"},
	"store/bolt/bolttest":           {"flows", "store", "store/bolt"},
	"provision":                     {"flows"},
	"provision/*":                   {"flows", "provision"},
	"provision/webhook/webhooktest": {"flows"},
	"cmd/bot/internal/config":       {"flows", "provision"},
	"cmd/bot/internal/*":            {"flows", "provision"},
	"cmd/bot/internal/demo":         {"flows", "bot/slack/slacksim"},
	"cmd/bot":                       {"*"},
}

// helpers serve tests, and those named here the demo as well. Nothing else may
// import them but tests and other helpers.
var helpers = map[string]bool{ // value: the demo may import it
	"bot/slack/slacksim":            true,
	"bot/platform/platformtest":     false,
	"bot/teams/teamstest":           false,
	"provision/provisiontest":       false,
	"provision/webhook/webhooktest": true,
	"store/storetest":               false,
	"store/bolt/bolttest":           false,
}

// libraries is who may import which modules of others in production code.
var libraries = map[string][]string{
	"filippo.io/age":                        {"cmd/bot/internal/*"},
	"github.com/emersion/go-ical":           {"provision/ical"},
	"github.com/go-json-experiment/json":    {"store/bolt"},
	"github.com/go-ldap/ldap/v3":            {"provision/ldap"},
	"github.com/golang-jwt/jwt/v5":          {"bot/teams"},
	"github.com/gorilla/websocket":          {"bot/slack", "bot/slack/slacksim", "cmd/bot"},
	"github.com/hashicorp/go-retryablehttp": {"provision/*"},
	"github.com/infracloudio":               {"bot/teams"},
	"github.com/jackc/pgx/v5":               {"store/postgres", "provision/postgresql", "cmd/bot"},
	"github.com/prometheus/client_golang":   {"cmd/bot", "cmd/bot/internal/ops"},
	"github.com/robfig/cron/v3":             {"bot/sweep", "cmd/bot/internal/config"},
	"github.com/slack-go/slack":             {"bot/slack", "provision/slack"},
	"github.com/spf13/cobra":                {"cmd/bot"},
	"github.com/spf13/pflag":                {"cmd/bot", "cmd/bot/internal/config"},
	"github.com/spf13/viper":                {"cmd/bot/internal/config"},
	"github.com/standard-webhooks":          {"provision/webhook", "provision/webhook/webhooktest"},
	"go.etcd.io/bbolt":                      {"store/bolt", "store/bolt/bolttest"},
	"go.yaml.in/yaml/v3":                    {"cmd/bot/internal/config"},
	"github.com/teambition/rrule-go":        {"provision/ical"},
	"golang.org/x":                          {"bot/platform", "bot/slack", "bot/teams", "store/*", "provision/*", "cmd/bot", "cmd/bot/internal/*"},
	// For tests.
	"github.com/google/go-cmp": {}, "github.com/rogpeppe/go-internal": {}, "pgregory.net/rapid": {},
}

// pure are the packages that decide and draw: the same arguments give the same
// result, at any time, on any machine.
var pure = []string{"flows", "bot/chat", "bot/cards"}

// impure is what they must not import, with everything below it.
var impure = []string{"crypto/rand", "database", "log", "math/rand", "net", "os", "plugin", "runtime", "syscall", "unsafe"}

// innocent are parts of it that only compute.
var innocent = []string{"net/mail", "net/netip", "net/url"}

// clock is what of package time they must not use.
var clock = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}

// Limits of files and functions, of the latter without comments, and what may
// be longer, with the reason. Tests and helpers may tell long stories,
// in files that are not.
const (
	maxFileLines     = 500
	maxFunctionLines = 60
)

var (
	longFiles     = map[string]string{}
	longFunctions = map[string]string{}
)

type goPackage struct {
	Dir, ImportPath, Name                                        string
	GoFiles, CgoFiles, IgnoredGoFiles, TestGoFiles, XTestGoFiles []string
	Imports, TestImports, XTestImports                           []string
}

// name is the import path within the module.
func (p goPackage) name() string { return strings.TrimPrefix(p.ImportPath, module) }

func (p goPackage) production() []string {
	return slices.Concat(p.GoFiles, p.CgoFiles, p.IgnoredGoFiles)
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages: is this the module?", len(all))
	}
	return all
}

// covers reports whether one of the patterns means the package.
func covers(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		return p == "*" || p == name || p == path.Dir(name)+"/*"
	})
}

func row(name string) ([]string, bool) {
	if allowed, ok := mayImport[name]; ok {
		return allowed, true
	}
	allowed, ok := mayImport[path.Dir(name)+"/*"]
	return allowed, ok
}

// inside reports whether an import path is the prefix or below it.
func inside(imported, prefix string) bool {
	return imported == prefix || strings.HasPrefix(imported, prefix+"/")
}

func own(imported string) (string, bool) { return strings.CutPrefix(imported, module) }

func foreign(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return strings.Contains(first, ".")
}

func TestArch_Imports(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if wrong := wrongImport(p.name(), imported); wrong != "" {
				t.Errorf("%s imports %s: %s", p.name(), imported, wrong)
			}
		}
	}
}

// wrongImport says why a package must not import another; empty: it may.
func wrongImport(name, imported string) string {
	allowed, ok := row(name)
	if !ok {
		return name + " has no row in the import table"
	}
	_, helper := helpers[name]
	used, isOwn := own(imported)
	demo, isHelper := helpers[used]
	switch {
	case isOwn && isHelper && !helper && (name != "cmd/bot" && name != "cmd/bot/internal/demo" || !demo):
		return "that is for tests"
	case isOwn && strings.HasPrefix(used, "cmd/bot/internal/") && name != "cmd/bot":
		return "that is for cmd/bot alone"
	case isOwn && !covers(allowed, used):
		return fmt.Sprintf("it may import %v", allowed)
	case inside(imported, "testing") && !helper:
		return "that is for tests"
	case slices.Contains(pure, name) && impureImport(imported):
		return "it decides, it does not look around"
	case foreign(imported) && !helper:
		return wrongLibrary(name, imported)
	}
	return ""
}

func wrongLibrary(name, imported string) string {
	for prefix, users := range libraries {
		if inside(imported, prefix) {
			if covers(users, name) {
				return ""
			}
			return fmt.Sprintf("only %v may", users)
		}
	}
	return "it has no row in the table of libraries"
}

func impureImport(imported string) bool {
	return slices.ContainsFunc(impure, func(i string) bool { return inside(imported, i) }) && !slices.Contains(innocent, imported)
}

func TestArch_TheTablesRefuse(t *testing.T) {
	for _, tt := range []struct {
		name, imported string
		ok             bool
	}{
		{"flows", "apono/store", false},
		{"flows", "os", false},
		{"flows", "log/slog", false},
		{"flows", "math/rand/v2", false},
		{"flows", "net/url", true},
		{"flows", "math", true},
		{"flows", "golang.org/x/text/width", false},
		{"flows", "testing", false},
		{"bot/chat", "apono/flows", false},
		{"bot/cards", "apono/flows", true},
		{"bot/cards", "time", true},
		{"bot", "apono/store", false},
		{"bot", "apono/provision", false},
		{"bot", "os", true},
		{"bot/slack", "apono/bot/teams", false},
		{"bot/slack", "apono/bot/platform", true},
		{"bot/platform", "apono/bot/slack", false},
		{"bot/dispatch", "apono/bot/platform", false},
		{"bot/slack", "apono/flows", false},
		{"bot/slack", "golang.org/x/time/rate", true},
		{"bot/slack", "apono/bot/slack/slacksim", false},
		{"cmd/bot", "apono/bot/slack/slacksim", true},
		{"bot/dispatch", "apono/provision", true},
		{"bot/dispatch", "apono/provision/webhook", false},
		{"store/bolt", "go.etcd.io/bbolt/errors", true},
		{"store/postgres", "go.etcd.io/bbolt", false},
		{"store/bolt", "apono/store/postgres", false},
		{"provision/webhook", "apono/provision/static", false},
		{"provision/webhook", "apono/provision/provisiontest", false},
		{"provision/postgresql", "github.com/jackc/pgx/v5/pgconn", true},
		{"provision/webhook", "github.com/jackc/pgx/v5", false},
		{"provision/static", "go.yaml.in/yaml/v3", false},
		{"cmd/bot", "github.com/google/go-cmp/cmp", false},
		{"provision/provisiontest", "github.com/google/go-cmp/cmp", true},
		{"provision/provisiontest", "testing", true},
		{"cmd/bot/internal/config", "apono/provision/static", false},
		{"cmd/bot/internal/ops", "apono/cmd/bot/internal/config", false},
		{"cmd/bot", "apono/cmd/bot/internal/config", true},
		{"cmd/bot", "github.com/unheard/of", false},
		{"elsewhere", "fmt", false},
	} {
		if wrong := wrongImport(tt.name, tt.imported); (wrong == "") != tt.ok {
			t.Errorf("%s imports %s: %q, want it allowed: %t", tt.name, tt.imported, wrong, tt.ok)
		}
	}
}

// TestArch_ImportsOfTests: where a package must not know something, its tests
// must not either, the package itself and helpers aside. The tests of the others
// may put real parts together, but those of the program alone see the program.
func TestArch_ImportsOfTests(t *testing.T) {
	closed := append([]string{"bot/slack", "bot/teams", "provision", "provision/*", "store", "store/*"}, pure...)
	for _, p := range packages(t) {
		name := p.name()
		allowed, _ := row(name)
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			used, isOwn := own(imported)
			_, isHelper := helpers[used]
			switch {
			case !isOwn || isHelper || used == name:
			case covers(closed, name) && !covers(allowed, used):
				t.Errorf("a test of %s must not import %s; it may import %v and helpers", name, used, allowed)
			case inside(used, "cmd") && name != "cmd/bot":
				t.Errorf("a test of %s must not import %s", name, used)
			}
		}
	}
}

func TestArch_Purity(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		if !slices.Contains(pure, p.name()) {
			continue
		}
		seen++
		for _, file := range p.production() {
			fset, f := parse(t, filepath.Join(p.Dir, file))
			for _, wrong := range impurities(fset, f) {
				t.Error(wrong)
			}
		}
	}
	if seen != len(pure) {
		t.Errorf("%d of %d pure packages found", seen, len(pure))
	}
}

// impurities finds uses of the clock and goroutines.
func impurities(fset *token.FileSet, f *ast.File) []string {
	var out []string
	name := ""
	for _, i := range f.Imports {
		if i.Path.Value == strconv.Quote("time") {
			name = "time"
			if i.Name != nil {
				name = i.Name.Name
			}
		}
	}
	if name == "." {
		out = append(out, fset.Position(f.Pos()).String()+": time is imported with a dot")
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == name && slices.Contains(clock, n.Sel.Name) {
				out = append(out, fmt.Sprintf("%s: time.%s: take now as an argument", fset.Position(n.Pos()), n.Sel.Name))
			}
		case *ast.GoStmt:
			out = append(out, fmt.Sprintf("%s: a goroutine: a decision is made by whoever asks", fset.Position(n.Pos())))
		}
		return true
	})
	return out
}

func TestArch_ImpuritiesAreFound(t *testing.T) {
	for source, want := range map[string]int{
		`import "time"; func f() time.Time { return time.Now() }`:         1,
		`import clock "time"; var now = clock.Since; func f() { go f() }`: 2,
		`import . "time"`: 1,
		`import "time"; func f(now time.Time) time.Time { return now.Add(time.Hour) }`: 0,
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "x.go", "package x; "+source, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := impurities(fset, f); len(got) != want {
			t.Errorf("%s: %v, want %d", source, got, want)
		}
	}
}

func parse(t *testing.T, file string) (*token.FileSet, *ast.File) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return fset, f
}

// Every package says what it promises, in doc.go; the program in main.go, and a
// package of one file in that file.
func TestArch_PackageComments(t *testing.T) {
	for _, p := range packages(t) {
		place := "doc.go"
		switch {
		case p.Name == "main":
			place = "main.go"
		case len(p.GoFiles) == 1:
			place = p.GoFiles[0]
		}
		if !slices.Contains(p.GoFiles, place) {
			t.Errorf("%s has no %s", p.name(), place)
			continue
		}
		for _, file := range p.GoFiles {
			_, f := parse(t, filepath.Join(p.Dir, file))
			if commented := f.Doc != nil; commented != (file == place) {
				t.Errorf("%s: package comment in %s: %t; it belongs into %s", p.name(), file, commented, place)
			}
		}
	}
}

func TestArch_NoRegistrationByInit(t *testing.T) {
	for _, p := range packages(t) {
		for _, file := range p.production() {
			fset, f := parse(t, filepath.Join(p.Dir, file))
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s: func init: what there is stands in a list", fset.Position(fn.Pos()))
				}
			}
		}
	}
}

func TestArch_Sizes(t *testing.T) {
	files, functions := maps.Clone(longFiles), maps.Clone(longFunctions)
	for _, p := range packages(t) {
		_, helper := helpers[p.name()]
		production := p.production()
		for _, file := range slices.Concat(production, p.TestGoFiles, p.XTestGoFiles) {
			fset, f := parse(t, filepath.Join(p.Dir, file))
			id := path.Join(p.name(), file)
			if n := fset.File(f.FileStart).LineCount(); n > maxFileLines && !excused(files, id) {
				t.Errorf("%s has %d lines, more than %d", id, n, maxFileLines)
			}
			if helper || !slices.Contains(production, file) {
				continue
			}
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || fn.Body == nil {
					continue
				}
				if n := functionLines(fset, f, fn); n > maxFunctionLines && !excused(functions, id+":"+fn.Name.Name) {
					t.Errorf("%s: %s has %d lines, more than %d", fset.Position(fn.Pos()), fn.Name.Name, n, maxFunctionLines)
				}
			}
		}
	}
	for _, left := range slices.Sorted(maps.Keys(files)) {
		t.Errorf("%s is not too long any more; take it off the list", left)
	}
	for _, left := range slices.Sorted(maps.Keys(functions)) {
		t.Errorf("%s is not too long any more; take it off the list", left)
	}
}

// excused takes what is on the list off it.
func excused(list map[string]string, id string) bool {
	_, ok := list[id]
	delete(list, id)
	return ok
}
