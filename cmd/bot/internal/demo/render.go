package demo

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed assets
var assets embed.FS

// asset is a file of the page.
type asset struct{ name, kind string }

func (a asset) serve(w http.ResponseWriter, _ *http.Request) {
	b, err := assets.ReadFile("assets/" + a.name)
	if err != nil {
		http.Error(w, "This file is missing (this is a bug).", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	_, _ = w.Write(b) // the page may be gone
}

// pages are parsed once; that they parse is tested.
var pages = template.Must(template.New("").Funcs(template.FuncMap{"plural": plural, "of": of}).ParseFS(assets, "assets/*.html"))

// of hands a template an element together with what it stands in.
func of(in any, e element) map[string]any { return map[string]any{"In": in, "E": e} }

// regions are the parts of the page that change by themselves: the id of the HTML element and the template.
func (p page) regions() []region {
	out := []region{{"bar", "bar", p.Bar}, {"guide", "guide", p.Guide}}
	for i := range p.Panes {
		out = append(out, region{fmt.Sprintf("pane-%d", i), "pane", p.Panes[i]})
	}
	return append(out,
		region{"audit", "audit", p.Audit}, region{"target", "target", p}, region{"requests", "requests", p.Asked}, region{"log", "log", p.Log})
}

type region struct {
	ID       string
	template string
	data     any
}

// HTML draws the region.
func (r region) HTML() (template.HTML, error) {
	var b bytes.Buffer
	err := pages.ExecuteTemplate(&b, r.template, r.data)
	return template.HTML(b.String()), err //nolint:gosec // html/template wrote it
}

func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	ps := s.places(r.URL.Query())
	p := s.page(ps, map[string]string{})
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "page", map[string]any{"P": p, "Regions": byID(p.regions())}); err != nil {
		s.Log.ErrorContext(r.Context(), "the page could not be drawn", "err", err)
		http.Error(w, "The page could not be drawn (this is a bug).", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // the page may be gone
}

func byID(all []region) map[string]region {
	out := map[string]region{}
	for _, r := range all {
		out[r.ID] = r
	}
	return out
}
