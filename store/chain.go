package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"apono/flows"
)

// The canonical encoding of an audit event is one line of JSON with the members
// seq, at (UTC, RFC 3339 with nanoseconds), fact, prev and hash, in this order
// and without white space. hash is the lower-case hex SHA-256 of that line
// without its last member, that is of
//
//	{"seq":1,"at":"2026-01-02T15:04:05Z","fact":{…},"prev":""}
//
// An engine keeps the line as it was written, byte for byte. So an event that
// was written when a fact had fewer fields still verifies.
const hashMember = `,"hash":"`

// Chain makes the next event of the trail and its canonical encoding. prev is
// the hash of the event before, empty for the first.
func Chain(prev string, seq uint64, at time.Time, fact flows.Fact) (flows.AuditEvent, []byte, error) {
	raw, err := json.Marshal(fact)
	if err != nil {
		return flows.AuditEvent{}, nil, fmt.Errorf("encode fact %s: %w", fact.Kind, err)
	}
	at = stamp(at)
	hash, line := ChainEncoded(prev, seq, at, raw)
	return flows.AuditEvent{Seq: seq, At: at, Fact: fact, Prev: prev, Hash: hash}, line, nil
}

// stamp is a time as events have it.
func stamp(at time.Time) time.Time { return at.UTC().Round(0) }

// ChainEncoded is Chain for a fact that is encoded already. It gives the hash of the
// event and its encoding.
func ChainEncoded(prev string, seq uint64, at time.Time, fact []byte) (hash string, line []byte) {
	line = make([]byte, 0, len(fact)+240)
	line = append(line, `{"seq":`...)
	line = strconv.AppendUint(line, seq, 10)
	line = append(line, `,"at":"`...)
	line = stamp(at).AppendFormat(line, time.RFC3339Nano)
	line = append(line, `","fact":`...)
	line = append(line, fact...)
	line = append(line, `,"prev":"`...)
	line = append(line, prev...)
	line = append(line, `"}`...)
	sum := sha256.Sum256(line)
	line = append(line[:len(line)-1], hashMember...)
	line = hex.AppendEncode(line, sum[:])
	hash = string(line[len(line)-2*len(sum):])
	return hash, append(line, `"}`...)
}

// Verify decodes the canonical encoding of the event that must have number seq
// and follow the hash prev. An error says what is wrong with it.
func Verify(line []byte, prev string, seq uint64) (flows.AuditEvent, error) {
	var ev flows.AuditEvent
	if err := json.Unmarshal(line, &ev); err != nil {
		return ev, fmt.Errorf("audit event %d cannot be read: %w", seq, err)
	}
	suffix := hashMember + ev.Hash + `"}`
	body, ok := bytes.CutSuffix(line, []byte(suffix))
	if !ok {
		return ev, fmt.Errorf("audit event %d is not in canonical form", seq)
	}
	sum := sha256.Sum256(append(bytes.Clone(body), '}'))
	var problem error
	switch {
	case ev.Hash != hex.EncodeToString(sum[:]):
		problem = errors.New("its content does not agree with its hash")
	case ev.Prev != prev:
		problem = errors.New("it does not follow the event before it")
	case ev.Seq != seq:
		problem = fmt.Errorf("it is numbered %d", ev.Seq)
	default:
		return ev, nil
	}
	return ev, fmt.Errorf("audit event %d was changed: %w", seq, problem)
}

// Head is an event of the trail as somebody notes it elsewhere: whoever knows one
// can tell later that no event up to it was changed.
type Head struct {
	Seq  uint64
	Hash string
}

// String is "12:5f3a…", the number and the whole hash.
func (h Head) String() string { return strconv.FormatUint(h.Seq, 10) + ":" + h.Hash }

// ParseHead is the inverse of Head.String; case and surrounding space do not matter.
func ParseHead(s string) (Head, error) {
	number, hash, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), ":")
	seq, err := strconv.ParseUint(number, 10, 64)
	if sum, hexErr := hex.DecodeString(hash); err != nil || hexErr != nil || seq == 0 || len(sum) != sha256.Size {
		return Head{}, fmt.Errorf("%q is not the number and hash of an audit event, such as 12:5f3a… with 64 digits", s)
	}
	return Head{Seq: seq, Hash: hash}, nil
}

// HashOf reads the hash out of a canonical encoding without decoding the rest.
func HashOf(line []byte) (hash string, ok bool) {
	const size = 2 * sha256.Size // hex
	tail := len(hashMember) + size + len(`"}`)
	if len(line) < tail || string(line[len(line)-tail:][:len(hashMember)]) != hashMember {
		return "", false
	}
	return string(line[len(line)-size-len(`"}`):][:size]), true
}
