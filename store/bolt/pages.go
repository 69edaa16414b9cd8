package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"os"
	"slices"
)

// bbolt trusts the numbers in its pages: a damaged count or page number makes it
// run out of memory, loop, or fault in a goroutine of its own. What is here reads
// the pages from the file with every number bounded, so that damage is found
// before bbolt meets it. The format is that of bbolt 1.x, in the byte order of the
// machine: https://pkg.go.dev/go.etcd.io/bbolt (internal/common).

const (
	pageHeader   = 16 // id 8, flags 2, count 2, overflow 4
	pageElement  = 16
	bucketHeader = 16 // root 8, sequence 8

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10
	leafBucket   = 0x01 // element of a leaf

	noFreelist = math.MaxUint64
	boltMagic  = 0xED0CDAED
)

var native = binary.NativeEndian

// meta is the head of the database, of which there are two, written in turn.
type meta struct {
	pageSize, root, freelist, high, txid uint64 // high: number of pages in use
}

func parseMeta(raw []byte) (m meta, ok bool) {
	b := raw[pageHeader:]
	sum := fnv.New64a()
	sum.Write(b[:56])
	m = meta{
		pageSize: uint64(native.Uint32(b[8:])), root: native.Uint64(b[16:]), freelist: native.Uint64(b[32:]),
		high: native.Uint64(b[40:]), txid: native.Uint64(b[48:]),
	}
	return m, native.Uint32(b) == boltMagic && native.Uint64(b[56:]) == sum.Sum64() && m.pageSize >= 512 && m.pageSize <= 1<<24
}

// preflight looks at what bbolt reads as it opens a file: the length and the list
// of free pages. A file without a head is left to bbolt, which says so.
func preflight(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	var best meta
	found := false
	for at := int64(0); at <= 1<<24 && at < info.Size(); at = max(at*2, 1024) {
		raw := make([]byte, pageHeader+64)
		if _, err := file.ReadAt(raw, at); err != nil {
			break
		}
		// The second head is one page after the first, whatever a page is.
		if m, ok := parseMeta(raw); ok && (at == 0 || uint64(at) == m.pageSize) && (!found || m.txid > best.txid) {
			best, found = m, true
		}
	}
	if !found {
		return nil
	}
	if have := uint64(info.Size()); best.high > have/best.pageSize {
		return fmt.Errorf("it is cut off: %d bytes long where %d pages of %d are in use", have, best.high, best.pageSize)
	}
	if best.freelist == noFreelist {
		return nil
	}
	p := pages{file: file, size: best.pageSize, high: best.high}
	raw, err := p.read(best.freelist, flagFreelist)
	if err != nil {
		return fmt.Errorf("list of free pages: %w", err)
	}
	count, body := uint64(native.Uint16(raw[10:])), raw[pageHeader:]
	if count == math.MaxUint16 && len(body) >= 8 {
		count, body = native.Uint64(body), body[8:]
	}
	if count > uint64(len(body)/8) {
		return fmt.Errorf("list of free pages: %d of them in %d bytes", count, len(body))
	}
	for i := range count {
		if id := native.Uint64(body[8*i:]); id < 2 || id >= best.high {
			return fmt.Errorf("list of free pages: page %d of %d", id, best.high)
		}
	}
	return nil
}

// pages walks the tree of one moment.
type pages struct {
	file io.ReaderAt
	size uint64
	high uint64
	seen []bool
}

// read returns a page with those that continue it, once all its numbers are sane.
func (p *pages) read(id uint64, flags ...uint16) ([]byte, error) {
	if id < 2 || id >= p.high {
		return nil, fmt.Errorf("page %d of %d", id, p.high)
	}
	head := make([]byte, pageHeader)
	if _, err := p.file.ReadAt(head, int64(id*p.size)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	more := uint64(native.Uint32(head[12:]))
	if native.Uint64(head) != id || more >= p.high-id || !slices.Contains(flags, native.Uint16(head[8:])) {
		return nil, fmt.Errorf("page %d is not what it should be", id)
	}
	if p.seen != nil {
		for i := id; i <= id+more; i++ {
			if p.seen[i] {
				return nil, fmt.Errorf("page %d is used twice", i)
			}
			p.seen[i] = true
		}
	}
	raw := make([]byte, (more+1)*p.size)
	if _, err := p.file.ReadAt(raw, int64(id*p.size)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return raw, nil
}

// tree checks everything below a page.
func (p *pages) tree(id uint64) error {
	raw, err := p.read(id, flagBranch, flagLeaf)
	if err != nil {
		return err
	}
	if err := p.page(raw); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

var errBounds = errors.New("an entry lies outside of it")

func (p *pages) page(raw []byte) error {
	flags, count := native.Uint16(raw[8:]), uint64(native.Uint16(raw[10:]))
	if uint64(len(raw)) < pageHeader+count*pageElement {
		return errBounds
	}
	if flags == flagBranch && count == 0 {
		return errors.New("it leads nowhere")
	}
	for i := range count {
		at := pageHeader + i*pageElement
		e := raw[at:]
		if flags == flagBranch {
			if at+uint64(native.Uint32(e))+uint64(native.Uint32(e[4:])) > uint64(len(raw)) {
				return errBounds
			}
			if err := p.tree(native.Uint64(e[8:])); err != nil {
				return err
			}
			continue
		}
		value := at + uint64(native.Uint32(e[4:])) + uint64(native.Uint32(e[8:]))
		end := value + uint64(native.Uint32(e[12:]))
		if end > uint64(len(raw)) {
			return errBounds
		}
		if native.Uint32(e)&leafBucket != 0 {
			if err := p.bucket(raw[value:end]); err != nil {
				return err
			}
		}
	}
	return nil
}

// bucket checks a bucket, which is a page of its own or, a small one, inline.
func (p *pages) bucket(value []byte) error {
	if len(value) < bucketHeader {
		return errBounds
	}
	if root := native.Uint64(value); root != 0 {
		return p.tree(root)
	}
	inline := value[bucketHeader:]
	if len(inline) < pageHeader || native.Uint16(inline[8:]) != flagLeaf {
		return errors.New("a bucket in it is not what it should be")
	}
	return p.page(inline)
}
