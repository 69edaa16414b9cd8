package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"apono/flows"
)

// decoder fills typed values from YAML nodes. Unlike the decoder of yaml it goes
// on after a problem, names places as paths, refuses unknown keys with a hint,
// resolves secrets, and never quotes a value that may be one.
//
// It reads what yaml reads, with these differences: keys must be known, a list
// must be written as one, a bool is true or false, a duration may have days and
// weeks, and flows.Secret is a reference.
type decoder struct {
	p       *problems
	secrets secrets
	// strict refuses a key without a value: in a policy, what was commented out
	// under it may have been the stricter part.
	strict bool
}

// scalar is text, a number or a bool, kept as it is written. Its section is read
// by the layers of viper.
type scalar struct{}

var (
	typeNode      = reflect.TypeFor[yaml.Node]()
	typeScalar    = reflect.TypeFor[scalar]()
	typeSecret    = reflect.TypeFor[flows.Secret]()
	typeDuration  = reflect.TypeFor[time.Duration]()
	typeUnmarshal = reflect.TypeFor[yaml.Unmarshaler]()
	typeText      = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// into decodes a node into what v points to.
func (d decoder) into(n *yaml.Node, v any, path string) { d.decode(n, reflect.ValueOf(v).Elem(), path) }

func (d decoder) decode(n *yaml.Node, v reflect.Value, path string) {
	t := v.Type()
	if t == typeNode {
		v.Set(reflect.ValueOf(*n))
		return
	}
	if isNull(n) {
		if d.strict {
			d.p.fail(path, "empty_value", "nothing is written here", "give it a value, or remove the key")
		}
		return
	}
	switch {
	case t == typeSecret:
		d.secret(n, v, path)
	case t == typeDuration:
		d.duration(n, v, path)
	case t == typeScalar:
		d.text(n, path)
	case t.Kind() == reflect.Pointer:
		p := reflect.New(t.Elem())
		d.decode(n, p.Elem(), path)
		v.Set(p)
	case reflect.PointerTo(t).Implements(typeUnmarshal):
		d.yaml(n, v, path)
	case reflect.PointerTo(t).Implements(typeText):
		d.unmarshalText(n, v, path)
	default:
		d.kind(n, v, path)
	}
}

func (d decoder) kind(n *yaml.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		if text, ok := d.text(n, path); ok {
			v.SetString(text)
		}
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" {
			d.p.fail(path, "wrong_type", "this must be true or false", "")
			return
		}
		d.yaml(n, v, path)
	case reflect.Struct:
		if d.is(n, yaml.MappingNode, path) {
			d.mapping(n, v, path)
		}
	case reflect.Map:
		if d.is(n, yaml.MappingNode, path) {
			d.table(n, v, path)
		}
	case reflect.Slice:
		if d.is(n, yaml.SequenceNode, path) {
			out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
			for i, item := range n.Content {
				d.decode(item, out.Index(i), itemPath(path, i))
			}
			v.Set(out)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		d.number(n, v, path, "a whole number")
	case reflect.Float32, reflect.Float64:
		d.number(n, v, path, "a number")
	default:
		d.yaml(n, v, path)
	}
}

// is refuses a node of another kind than what is needed.
func (d decoder) is(n *yaml.Node, want yaml.Kind, path string) bool {
	if n.Kind == want {
		return true
	}
	message, hint := "this must be a mapping", "write keys with values under it"
	if want == yaml.SequenceNode {
		message, hint = "this must be a list", "write [a, b], or one item a line after a dash"
	}
	d.p.fail(path, "wrong_type", message, hint)
	return false
}

// text is the text of a scalar, whatever type YAML sees in it: a tag may have the
// value true or 1.10.
func (d decoder) text(n *yaml.Node, path string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!binary" {
		d.p.fail(path, "wrong_type", "this must be plain text", "")
		return "", false
	}
	return n.Value, true
}

func (d decoder) number(n *yaml.Node, v reflect.Value, path, what string) {
	if n.Kind != yaml.ScalarNode || n.Decode(v.Addr().Interface()) != nil {
		d.p.fail(path, "wrong_type", "this must be "+what, "")
	}
}

func (d decoder) secret(n *yaml.Node, v reflect.Value, path string) {
	ref, ok := d.text(n, path)
	if !ok {
		return
	}
	secret, issue := d.secrets.resolve(ref)
	if issue != nil {
		issue.Path = path
		d.p.add(*issue)
		if secret == "" {
			d.p.wrong = append(d.p.wrong, path)
		}
	}
	v.SetString(secret.Reveal())
}

func (d decoder) duration(n *yaml.Node, v reflect.Value, path string) {
	text, ok := d.text(n, path)
	if !ok {
		return
	}
	dur, err := flows.ParseDuration(text)
	if err != nil {
		d.p.fail(path, "invalid_duration", err.Error(), "write 90m, 8h, 5d or 2w")
		return
	}
	v.SetInt(int64(dur))
}

func (d decoder) unmarshalText(n *yaml.Node, v reflect.Value, path string) {
	text, ok := d.text(n, path)
	if !ok {
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		d.p.fail(path, "invalid_value", err.Error(), "")
	}
}

// yaml leaves a value to the decoder of yaml, or to the type itself.
func (d decoder) yaml(n *yaml.Node, v reflect.Value, path string) {
	err := n.Decode(v.Addr().Interface())
	if err == nil {
		return
	}
	message := err.Error()
	if _, ok := errors.AsType[*yaml.TypeError](err); ok { // it quotes the value
		message = "this cannot be read as " + v.Type().String()
	}
	d.p.fail(path, "invalid_value", message, "")
}

// table decodes a mapping whose keys are data.
func (d decoder) table(n *yaml.Node, v reflect.Value, path string) {
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		d.yaml(n, v, path)
		return
	}
	out := reflect.MakeMapWithSize(t, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		value := reflect.New(t.Elem()).Elem()
		d.decode(n.Content[i+1], value, keyPath(path, key))
		out.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), value)
	}
	v.Set(out)
}

func (d decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		at := keyPath(path, key)
		f, ok := fields[key]
		if !ok {
			d.p.fail(at, "unknown_key", fmt.Sprintf("unknown key %q", key), flows.Suggest(key, namesOf(fields)))
			continue
		}
		d.decode(n.Content[i+1], v.FieldByIndex(f), at)
	}
}

// fieldsOf maps the keys of a struct, by its yaml tags, to its fields.
func fieldsOf(t reflect.Type) map[string][]int {
	out := map[string][]int{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		inline := slices.Contains(strings.Split(options, ","), "inline") && f.Type.Kind() == reflect.Struct
		switch {
		case name == "-", !f.IsExported() && !(f.Anonymous && inline):
			continue
		case inline:
			for inner, index := range fieldsOf(f.Type) {
				out[inner] = append([]int{i}, index...)
			}
			continue
		case name == "":
			name = strings.ToLower(f.Name)
		}
		out[name] = []int{i}
	}
	return out
}

func namesOf(fields map[string][]int) []string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
