package chain

import (
	"crypto/sha256"
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
	Page   func(sum [32]byte) ([]byte, error) // links of older changes, from this machine's cache
	Commit func(id [20]byte) ([]byte, error)  // a raw commit of the chain, by its git id
	Blob   func(id [20]byte) ([]byte, error)  // the content of a file of the vault, by its git id
}

// page is the links of a page. One that is not in the store, or not whole, is made again
// from the commits; if these are lost too, the repository has lost part of what was
// verified: nothing can be said about the chain then, and page panics with an *Error of class Lost.
func (l *chainLog) page(i int) []byte {
	p := l.pages[i]
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.links == nil {
		links, err := l.store.Page(p.sum)
		if err != nil || sha256.Sum256(links) != p.sum {
			links, p.kept = l.remake(i), false
		}
		p.links = links
	}
	return p.links
}

// remake makes the links of a page from the commits, from the first that is on no page
// back.
func (l *chainLog) remake(i int) []byte {
	links := make([]byte, pageLinks*linkSize)
	first := uint64(i)*pageLinks + 1
	id := readLink(0, l.bytes(l.paged()+1)).ID
	for seq := l.paged() + 1; seq >= first; seq-- {
		raw, err := l.store.Commit(id)
		if err != nil {
			panic(lost(seq, id, err.Error()))
		}
		c, err := change.Parse(raw)
		if err != nil {
			panic(lost(seq, id, err.Error()))
		}
		if at := seq - first; at < pageLinks {
			appendLink(links[:at*linkSize], linkOf(c, id, sha256.Sum256(raw)))
		}
		id = c.Parent
	}
	if sha256.Sum256(links) != l.pages[i].sum {
		panic(lost(first, id, "it is another one"))
	}
	return links
}

func lost(seq uint64, id [20]byte, why string) *Error {
	return &Error{Class: Lost, Seq: seq, ID: id, Rule: "cache", What: "it was verified on this machine and can't be read any more: " + why}
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
