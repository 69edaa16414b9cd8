package store

import (
	"crypto/rand"
	"strconv"
	"strings"
)

const idPrefix = "AR-"

// ID is the friendly id of the request with this number: "AR-12".
func ID(seq uint64) string { return idPrefix + strconv.FormatUint(seq, 10) }

// ParseID is the inverse of ID. It accepts exactly what ID makes.
func ParseID(id string) (seq uint64, ok bool) {
	digits, ok := strings.CutPrefix(id, idPrefix)
	if !ok {
		return 0, false
	}
	seq, err := strconv.ParseUint(digits, 10, 64)
	return seq, err == nil && seq > 0 && ID(seq) == id
}

// stampLength: that two requests of one number have the same stamp is one chance in
// 2^40.
const stampLength = 8

// NewStamp draws the stamp of a new request.
func NewStamp() string { return strings.ToLower(rand.Text()[:stampLength]) }

// SplitGrantID gives the request and integration of a flows.Request.GrantID.
func SplitGrantID(id string) (request, integration string, ok bool) {
	stamped, integration, ok := strings.Cut(id, "/")
	request, stamp, has := strings.Cut(stamped, ".")
	if _, valid := ParseID(request); !valid || integration == "" || has != (stamp != "") {
		return "", "", false
	}
	return request, integration, ok
}
