package main

import (
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"apono/cmd/bot/internal/config"
)

// page is a page of the documentation.
type page struct {
	path   string // from here
	text   string
	blocks []block
}

// block is a fenced part of a page. Its words say what it is; see blockKinds.
type block struct {
	words string
	text  string
	line  int
}

// blockKinds are all words that may stand behind a fence, with what is done about it.
var blockKinds = map[string]string{
	"yaml": "a configuration, or a part of one: it is loaded",
	"text": "no command, or lines of usage: what they name has to exist",
	"":     "commands in a clone: make targets and verbs that have to exist; CI runs the demo and the tests",
	"env":  "names and values",

	"sh":         "run as it stands, in a folder with the page's configuration",
	"sh running": "run while the service runs",
	"sh stopped": "run after the service has stopped",
	"sh service": "the service itself: started, and stopped when it can serve",

	// Not run, for want of the thing. What they read is judged by scripts/check-docs, and that the shell understands
	// them and that the files they name exist, here.
	"sh docker":  "needs a container engine",
	"sh kubectl": "needs a cluster",
	"sh root":    "changes the machine",
}

var fence = regexp.MustCompile("(?ms)^```([^\n]*)\n(.*?)^```$")

// pages are those for operators. Records of decisions and measurements tell of a day.
func pages(t *testing.T) (all []page) {
	t.Helper()
	var paths []string
	for _, glob := range []string{"../../*.md", docs + "/*.md", docs + "/*/README.md"} {
		found, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		if base := filepath.Base(path); base == "CHANGELOG.md" || base == "benchmarks.md" {
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		p := page{path: path, text: string(raw)}
		for _, m := range fence.FindAllStringSubmatchIndex(p.text, -1) {
			p.blocks = append(p.blocks, block{words: p.text[m[2]:m[3]], text: p.text[m[4]:m[5]], line: 1 + strings.Count(p.text[:m[0]], "\n")})
		}
		all = append(all, p)
	}
	if len(all) < 6 {
		t.Fatalf("only %d pages are found", len(all))
	}
	return all
}

func (p page) at(b block) string { return fmt.Sprintf("%s:%d", p.path, b.line) }

// TestDocsBlocks: every fenced block is of a kind that is looked after.
func TestDocsBlocks(t *testing.T) {
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			switch _, known := blockKinds[b.words]; {
			case !known:
				t.Errorf("%s: %q is no kind of block: %v", p.at(b), b.words, slices.Sorted(maps.Keys(blockKinds)))
			case strings.HasPrefix(b.words, "sh"):
				wantShell(t, p, b)
			case b.words == "" || b.words == "text":
				wantUsage(t, p, b)
			}
		}
	}
}

var repositoryFile = regexp.MustCompile(`\bdocs/[\w./-]+`)

// wantShell wants a script that a shell understands, about files that exist.
func wantShell(t *testing.T, p page, b block) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-n")
	cmd.Stdin = strings.NewReader(b.text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", p.at(b), err, out)
	}
	for _, file := range repositoryFile.FindAllString(b.text, -1) {
		if _, err := os.Stat(filepath.Join("../..", file)); err != nil {
			t.Errorf("%s: %v", p.at(b), err)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)(?:-- /bot|exec bot /bot) (.*?)(?: [<>].*)?$`).FindAllStringSubmatch(b.text, -1) {
		knows(t, p.at(b)+": "+m[1], strings.Fields(m[1]))
	}
}

// wantUsage wants every verb, flag and make target that a block names.
func wantUsage(t *testing.T, p page, b block) {
	t.Helper()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(strings.NewReplacer("[", " ", "]", " ").Replace(line))
		switch {
		case len(words) == 0:
		case words[0] == "make":
			for _, target := range words[1:] {
				if !strings.Contains(string(makefile), "\n"+target+":") {
					t.Errorf("%s: there is no make %s", p.at(b), target)
				}
			}
		case words[0] == "bot":
			knows(t, p.at(b)+": "+line, words[1:])
		case strings.HasPrefix(line, "go run ./cmd/bot "):
			knows(t, p.at(b)+": "+line, words[3:])
		case b.words == "":
			t.Errorf("%s: what is %q?", p.at(b), line)
		}
	}
}

// TestDocsInlineCommands: what is named in a sentence exists too.
func TestDocsInlineCommands(t *testing.T) {
	n := 0
	for _, p := range pages(t) {
		for _, m := range regexp.MustCompile("`(?:go run ./cmd/)?bot ([a-z][^`]*)`").FindAllStringSubmatch(p.text, -1) {
			n++
			knows(t, p.path+": bot "+m[1], strings.Fields(m[1]))
		}
	}
	if n < 20 {
		t.Errorf("only %d commands are found in sentences", n)
	}
}

// TestDocsLinks: what a page refers to is there, headings included.
func TestDocsLinks(t *testing.T) {
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	slug := func(text, anchor string) bool {
		for _, m := range heading.FindAllStringSubmatch(text, -1) {
			s := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(m[1]), "")
			if strings.ReplaceAll(s, " ", "-") == anchor {
				return true
			}
		}
		return false
	}
	for _, p := range pages(t) {
		for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
			u, err := url.Parse(m[1])
			if err != nil || u.IsAbs() {
				continue
			}
			file := p.path
			if u.Path != "" {
				file = filepath.Join(filepath.Dir(p.path), u.Path)
			}
			text, err := os.ReadFile(file)
			if info, statErr := os.Stat(file); statErr != nil || (err != nil && !info.IsDir()) {
				t.Errorf("%s: there is no %s", p.path, m[1])
			} else if u.Fragment != "" && !slug(string(text), u.Fragment) {
				t.Errorf("%s: %s has no heading #%s", p.path, file, u.Fragment)
			}
		}
	}
}

// TestDocsSlashCommand: Slack suggests behind the command what the bot understands.
func TestDocsSlashCommand(t *testing.T) {
	manifest, err := os.ReadFile(docs + "/slack-manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("../../bot/command.go")
	if err != nil {
		t.Fatal(err)
	}
	var understood, suggested []string
	for _, m := range regexp.MustCompile(`(?m)^\tcase "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		understood = append(understood, m[1])
	}
	hint := regexp.MustCompile(`usage_hint: "\[(.*)\]"`).FindStringSubmatch(string(manifest))
	for part := range strings.SplitSeq(hint[1], "|") {
		suggested = append(suggested, strings.Fields(part)[0])
	}
	slices.Sort(understood)
	understood = slices.Compact(understood)
	slices.Sort(suggested)
	if !slices.Equal(understood, suggested) {
		t.Errorf("the bot understands %q, the manifest suggests %q", understood, suggested)
	}
}

// whole reports whether a configuration is one, and not a part.
func (b block) whole() bool { return strings.HasPrefix(b.text, "slack:") }

// configuration is the first whole one of a page; empty: there is none.
func (p page) configuration() string {
	for _, b := range p.blocks {
		if b.words == "yaml" && b.whole() {
			return b.text
		}
	}
	return ""
}

// TestDocsNameEveryCommand: the list of the README leaves none out.
func TestDocsNameEveryCommand(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range rootCommand().Commands() {
		if !strings.Contains(string(readme), "\nbot "+c.Name()) {
			t.Errorf("bot %s is not in the README's list of commands", c.Name())
		}
	}
}

// TestDocsConfiguration: whole configurations load as they stand; a part takes the
// place of the same keys in the one of the README.
func TestDocsConfiguration(t *testing.T) {
	all := pages(t)
	readme := all[slices.IndexFunc(all, func(p page) bool { return filepath.Base(p.path) == "README.md" && !strings.HasPrefix(p.path, docs) })]
	n := 0
	for _, p := range all {
		for _, b := range p.blocks {
			if b.words != "yaml" {
				continue
			}
			n++
			whole := map[string]any{}
			for _, text := range []string{readme.configuration(), b.text} {
				if err := yaml.Unmarshal([]byte(text), &whole); err != nil {
					t.Errorf("%s: %v", p.at(b), err)
				}
			}
			text, err := yaml.Marshal(whole)
			if err != nil {
				t.Fatal(err)
			}
			if b.whole() {
				text = []byte(b.text)
			}
			path := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if cfg, report := load(t, path); cfg == nil || len(issues(report)) > 0 {
				t.Errorf("%s has problems: %v", p.at(b), issues(report))
			}
		}
	}
	if n < 2 {
		t.Errorf("only %d snippets are found", n)
	}
}

func init() { processStories["the documentation"] = processDocumentation }

// processDocumentation runs what the pages say, page by page, as a reader would: with
// the page's own configuration, or else the demo's and an access under way.
func processDocumentation(t *testing.T, w *town) {
	var ran int
	for _, p := range pages(t) {
		if slices.ContainsFunc(p.blocks, func(b block) bool { return strings.HasPrefix(b.words, "sh") && !elsewhere(b) }) {
			ran += (&reader{town: newTown(t, w.binary, busyPeople()), page: p}).read()
		}
	}
	if ran < 6 {
		t.Errorf("only %d blocks were run", ran)
	}
}

func elsewhere(b block) bool {
	return slices.Contains([]string{"sh docker", "sh kubectl", "sh root"}, b.words)
}

// reader follows a page.
type reader struct {
	*town
	page page
	bot  *osProcess
}

func (r *reader) read() (ran int) {
	r.t.Helper()
	r.must(os.MkdirAll(filepath.Join(r.dir, "bin"), 0o700))
	r.must(os.Symlink(r.binary, filepath.Join(r.dir, "bin", "bot")))
	r.env = append(r.env, "PATH="+filepath.Join(r.dir, "bin")+":"+os.Getenv("PATH"), "BOT_CONFIG="+r.configPath(), "BOT_HTTP_LISTEN="+freeAddress(r.t),
		"BOT_API_TOKEN="+apiToken, "BOT_HTTP_API_TOKEN="+string(config.TokenHash(apiToken)))
	if own := r.page.configuration(); own != "" {
		r.own(own)
	} else {
		r.change(lasting, "grant_duration: 1h")
		if strings.Contains(r.page.text, "AR-12") {
			r.run()
			r.granted("AR-1")
		}
	}
	for _, b := range r.page.blocks {
		switch b.words {
		case "sh running":
			r.run()
		case "sh stopped":
			r.stop()
		case "sh service":
			if got := strings.TrimSpace(b.text); got != "bot run --config config.yaml" {
				r.t.Errorf("%s starts the service with %q", r.page.at(b), got)
			}
			r.run()
			r.stop()
			ran++
			continue
		case "sh":
		default:
			continue
		}
		script := strings.ReplaceAll(b.text, "AR-12", "AR-1") // the request that there is
		cmd := exec.CommandContext(r.ctx, "bash", "-euo", "pipefail", "-c", script)
		cmd.Env, cmd.Dir = r.env, r.dir
		if out, err := cmd.CombinedOutput(); err != nil {
			r.t.Errorf("%s: %v\n%s", r.page.at(b), err, out)
		}
		ran++
	}
	r.stop()
	return ran
}

// own takes the page's configuration, with the tokens of the workspace and a server.
func (r *reader) own(text string) {
	r.t.Helper()
	r.server(15)
	demo, err := os.ReadFile(r.configPath())
	r.must(err)
	slackAPI := regexp.MustCompile(`api_url: (\S+/api/)`).FindSubmatch(demo)[1]
	r.must(os.WriteFile(r.configPath(), []byte(text), 0o600))
	r.env = append(r.env, "PROD_PG_DSN="+r.pgDSN, "SLACK_APP_TOKEN="+r.ws.AppToken(), "SLACK_BOT_TOKEN="+r.ws.BotToken(), "BOT_SLACK_API_URL="+string(slackAPI))
}

func (r *reader) run() {
	r.t.Helper()
	if r.bot == nil {
		r.bot = r.start().ready()
	}
}

func (r *reader) stop() {
	r.t.Helper()
	if r.bot != nil {
		r.bot.terminate()
		r.bot = nil
	}
}
