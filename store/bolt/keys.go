package bolt

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"apono/flows"
	"apono/store"
)

var lanes = []flows.Lane{flows.LaneTarget, flows.LaneChat}

func seqKey(seq uint64) []byte { return appendSeq(nil, seq) }

// latest is the last moment that fits into a key.
var latest = time.Unix(0, math.MaxInt64)

func appendTime(b []byte, t time.Time) []byte {
	var n int64
	switch {
	case t.After(latest):
		n = math.MaxInt64
	case t.After(time.Unix(0, 0)):
		n = t.UnixNano()
	}
	return binary.BigEndian.AppendUint64(b, uint64(n))
}

// timeOf reads the time at the beginning of a key.
func timeOf(key []byte) time.Time {
	return time.Unix(0, int64(binary.BigEndian.Uint64(key))).UTC()
}

// appendString writes s so that no other string is a prefix of it.
func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func personPrefix(email string) []byte { return appendPerson(nil, email) }

func appendPerson(b []byte, email string) []byte { return appendString(b, flows.NormalizeEmail(email)) }

func unitPrefix(person string, u flows.Unit) []byte { return appendUnit(personPrefix(person), u) }

func appendUnit(b []byte, u flows.Unit) []byte {
	for _, part := range [...]string{u.Integration, u.ResourceType, u.Resource, u.Permission} {
		b = appendString(b, part)
	}
	return b
}

func statePrefix(s flows.State) []byte { return appendState(nil, s) }

func appendState(b []byte, s flows.State) []byte { return append(append(b, s...), 0) }

func appendSeq(b []byte, seq uint64) []byte { return binary.BigEndian.AppendUint64(b, seq) }

// read are the options with which the quicker decoder reads what encoding/json wrote;
// see docs/decisions/0021.
var read = jsonv2.JoinOptions(jsonv1.FormatDurationAsNano(true), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

func decode[T any](what string, key, raw []byte) (T, error) {
	var v T
	err := decodeInto(what, key, raw, &v)
	return v, err
}

// decodeInto is decode into the zero value that v points to: what the row lacks is left as
// it is there.
func decodeInto(what string, key, raw []byte, v any) error {
	if err := jsonv2.Unmarshal(raw, v, read); err != nil {
		return fmt.Errorf("%w: %s %q: %w", store.ErrCorrupt, what, key, err)
	}
	return nil
}

func encode(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return raw, nil
}
