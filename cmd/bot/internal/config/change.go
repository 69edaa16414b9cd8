package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// Adopt takes over from the configuration that is in force what stays as it is:
// integrations that are connected alike keep their connection, and the one that
// was made for c is closed. The caller closes the connections that old has and c
// does not; see Retired.
func (c *Config) Adopt(old *Config) error {
	var first error
	for i := range c.Integrations {
		in := &c.Integrations[i]
		was, ok := old.integration(in.Name)
		if !ok || in.Connection == nil || was.Connection == nil || was.Settings != in.Settings {
			continue
		}
		if err := in.Close(); err != nil && first == nil {
			first = err
		}
		in.Connection, in.closing = was.Connection, was.closing
	}
	return first
}

func (c *Config) integration(name string) (Integration, bool) {
	i := slices.IndexFunc(c.Integrations, func(in Integration) bool { return in.Name == name })
	if i < 0 {
		return Integration{}, false
	}
	return c.Integrations[i], true
}

// Keep puts back the values that cannot change while the service runs, those of
// the sections slack, teams, http (but api_token), store and credentials, and log.format. It
// returns the keys that were written otherwise, in order.
func (c *Config) Keep(old *Config) (keys []string) {
	for _, s := range []struct {
		section    string
		into, from any
	}{
		{"slack", &c.Slack, old.Slack},
		{"teams", &c.Teams, old.Teams},
		{"http", &c.HTTP, old.HTTP},
		{"store", &c.Store, old.Store},
		{"credentials", &c.Credentials, old.Credentials},
	} {
		into, from := reflect.ValueOf(s.into).Elem(), reflect.ValueOf(s.from)
		for i := range into.NumField() {
			if key := s.section + "." + keyOf(into.Type().Field(i)); key == "http.api_token" || reflect.DeepEqual(into.Field(i).Interface(), from.Field(i).Interface()) {
				continue // a token can be replaced at any time
			}
			into.Field(i).Set(from.Field(i))
			keys = append(keys, s.section+"."+keyOf(into.Type().Field(i)))
		}
	}
	if c.Log.Format != old.Log.Format {
		c.Log.Format = old.Log.Format
		keys = append(keys, "log.format")
	}
	return keys
}

// keyOf is the key of a field in the file.
func keyOf(f reflect.StructField) string {
	if tag := f.Tag.Get("mapstructure"); tag != "-" && tag != "" {
		return tag
	}
	return strings.ReplaceAll(words(f.Name), " ", "_")
}

// words are those of a Go name: "request timeout" of RequestTimeout.
func words(name string) string {
	var b strings.Builder
	for i, r := range name {
		if i > 0 && unicode.IsUpper(r) && !unicode.IsUpper(rune(name[i-1])) {
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Changes says in short phrases what c has otherwise than old, of what can change
// while the service runs: "flow \"Developers read production\" changed",
// "admins changed", "log level changed". None: it means the same.
func (c *Config) Changes(old *Config) (out []string) {
	was, is := reflect.ValueOf(old.Policy), reflect.ValueOf(c.Policy)
	for i := range is.NumField() {
		name := is.Type().Field(i).Name
		a, b := was.Field(i), is.Field(i)
		switch {
		case named(is.Type().Field(i).Type):
			out = append(out, changedItems(strings.TrimSuffix(words(name), "s"), items(a), items(b))...)
		case !reflect.DeepEqual(a.Interface(), b.Interface()):
			out = append(out, words(name)+" changed")
		}
	}
	out = append(out, changedItems("integration", integrationItems(old), integrationItems(c))...)
	if c.Sync != old.Sync {
		out = append(out, "sync changed")
	}
	if !reflect.DeepEqual(c.Reports, old.Reports) {
		out = append(out, "reports changed")
	}
	if c.Audit != old.Audit {
		out = append(out, "audit changed")
	}
	if c.HTTP.APIToken != old.HTTP.APIToken {
		out = append(out, "http api token changed")
	}
	if c.Log.Level != old.Log.Level {
		out = append(out, "log level changed")
	}
	return out
}

// named reports whether t is a list of things that have a name.
func named(t reflect.Type) bool {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct {
		return false
	}
	f, ok := t.Elem().FieldByName("Name")
	return ok && f.Type.Kind() == reflect.String
}

type item struct {
	name  string
	value any
}

func items(list reflect.Value) []item {
	out := make([]item, list.Len())
	for i := range out {
		out[i] = item{list.Index(i).FieldByName("Name").String(), list.Index(i).Interface()}
	}
	return out
}

// integrationItems compares integrations by what is written.
func integrationItems(c *Config) []item {
	out := make([]item, len(c.Integrations))
	for i, in := range c.Integrations {
		in.Connection, in.closing = nil, nil
		out[i] = item{in.Name, in}
	}
	return out
}

func changedItems(what string, was, is []item) (out []string) {
	say := func(name, verb string) { out = append(out, fmt.Sprintf("%s %q %s", what, name, verb)) }
	for _, b := range is {
		i := slices.IndexFunc(was, func(a item) bool { return a.name == b.name })
		switch {
		case i < 0:
			say(b.name, "added")
		case !reflect.DeepEqual(was[i].value, b.value):
			say(b.name, "changed")
		}
	}
	for _, a := range was {
		if !slices.ContainsFunc(is, func(b item) bool { return a.name == b.name }) {
			say(a.name, "removed")
		}
	}
	if out == nil && !slices.EqualFunc(was, is, func(a, b item) bool { return a.name == b.name }) {
		out = append(out, what+"s in another order")
	}
	return out
}
