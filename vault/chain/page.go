package chain

import (
	"crypto/sha256"
	"errors"
	"sync"

	"github.com/secr/secr/vault/change"
)

// pageLinks is how many links are on a page.
const pageLinks = blockLinks * pageBlocks

// A page is that many links of a chain, all filled. A cached state names its pages by
// their SHA-256 and leaves them out: a vault of any age is opened in the same time, and
// who asks for an old change reads the one page that has it.
type page struct {
	sum [32]byte // SHA-256 of links
	ops []byte   // where each of the operations starts

	mu    sync.Mutex
	links []byte // back to back; nil until they were asked for
	kept  bool   // by a Store
}

func newPage(links []byte) *page {
	p := &page{sum: sha256.Sum256(links), links: links}
	for i := 0; i < len(links); i += linkSize {
		p.ops = append(p.ops, links[i+linkOp:][:len(opStart{})]...)
	}
	return p
}

// A Store is where a cached state finds what it leaves out. All of it is checked against
// hashes in the state.
type Store struct {
	Page   func(sum [32]byte) ([]byte, error)     // links of older changes, from this machine's cache
	Keep   func(sum [32]byte, links []byte) error // keeps what Page finds then
	Commit func(id [20]byte) ([]byte, error)      // a raw commit of the chain, by its git id
	Blob   func(id [20]byte) ([]byte, error)      // the content of a file of the vault, by its git id
}

// page is the links of a page. One that is not in the store, or not whole, is made again
// from the commits; if these are lost too, the repository has lost part of what was
// verified: nothing can be said about the chain then, and page panics with a *LostError.
func (l *chainLog) page(i int) []byte {
	p := l.pages[i]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.links == nil {
		links, err := l.store.Page(p.sum)
		if err != nil || len(links) != pageLinks*linkSize || sha256.Sum256(links) != p.sum {
			links = l.remake(i)
			p.kept = l.store.Keep(p.sum, links) == nil
		}
		p.links = links
	}
	return p.links
}

// remake makes the links of a page from the commits: from the first change after it back.
// That one's link is on the next page, or on none. So nothing is asked for that was
// appended since, which the repository may not have yet.
func (l *chainLog) remake(i int) []byte {
	links := make([]byte, pageLinks*linkSize)
	seq := uint64(i+1)*pageLinks + 1
	id := readLink(seq, l.bytes(seq)).ID
	c, _ := l.commit(seq, id)
	for at := pageLinks - 1; at >= 0; at-- {
		seq, id = seq-1, c.Parent
		var sum [32]byte
		c, sum = l.commit(seq, id)
		appendLink(links[:at*linkSize], linkOf(c, id, sum))
	}
	if sha256.Sum256(links) != l.pages[i].sum {
		panic(&LostError{Seq: seq, ID: id, Err: errors.New("another is there")})
	}
	return links
}

// commit reads a change and the SHA-256 of its commit.
func (l *chainLog) commit(seq uint64, id [20]byte) (change.Change, [32]byte) {
	raw, err := l.store.Commit(id)
	if err != nil {
		panic(&LostError{Seq: seq, ID: id, Err: err})
	}
	c, err := change.Parse(raw)
	if err != nil {
		panic(&LostError{Seq: seq, ID: id, Err: err})
	}
	return c, sha256.Sum256(raw)
}

// keep hands the pages to a store that don't lie there.
func (l *chainLog) keep(put func(sum [32]byte, links []byte) error) error {
	for _, p := range l.pages {
		if err := p.keep(put); err != nil {
			return err
		}
	}
	return nil
}

func (p *page) keep(put func(sum [32]byte, links []byte) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept {
		return nil
	}
	err := put(p.sum, p.links)
	p.kept = err == nil
	return err
}
