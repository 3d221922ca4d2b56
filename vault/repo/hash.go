package repo

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/hash"
)

// Hash names an object: the SHA-1 that Git gives it. The zero Hash names
// none. The vault's chain does not rest on SHA-1 (every change carries
// SHA-256 sums of all it touches); collisions of the known kind are refused
// all the same.
type Hash [20]byte

// ParseHash reads 40 lower-case hex digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != 40 || strings.ToLower(s) != s {
		return h, fmt.Errorf("%.50q is not a Git id of 40 hex digits", s)
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return h, fmt.Errorf("%.50q is not a Git id of 40 hex digits", s)
	}
	return h, nil
}

// String is 40 lower-case hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether h names nothing.
func (h Hash) IsZero() bool { return h == Hash{} }

// kind is the type of an object, numbered as in a pack.
type kind byte

const (
	kindCommit      kind = 1
	kindTree        kind = 2
	kindBlob        kind = 3
	kindTag         kind = 4
	kindOffsetDelta kind = 6
	kindRefDelta    kind = 7
)

func (k kind) String() string {
	switch k {
	case kindCommit:
		return "commit"
	case kindTree:
		return "tree"
	case kindBlob:
		return "blob"
	case kindTag:
		return "tag"
	}
	return "delta"
}

// plain reports whether k is a kind of object, not a way to store one.
func (k kind) plain() bool { return k >= kindCommit && k <= kindTag }

func parseKind(s string) (kind, bool) {
	for k := kindCommit; k <= kindTag; k++ {
		if k.String() == s {
			return k, true
		}
	}
	return 0, false
}

// header is what Git hashes, and a loose object stores, before the content.
func (k kind) header(size int) []byte {
	h := append([]byte(k.String()), ' ')
	return append(strconv.AppendInt(h, int64(size), 10), 0)
}

// BlobHash is the hash that data has as a blob.
func BlobHash(data []byte) Hash {
	h, _ := newHasher().sum(kindBlob, data)
	return h
}

// CommitHash is the hash that raw bytes have as a commit.
func CommitHash(raw []byte) Hash {
	h, _ := newHasher().sum(kindCommit, raw)
	return h
}

// hasher computes object hashes. It is not safe for concurrent use.
type hasher struct{ hash hash.Hash }

func newHasher() *hasher { return &hasher{hash: hash.New(hash.CryptoType)} }

// sum hashes an object. It reports false if the content was built to collide
// with another's.
func (s *hasher) sum(k kind, data []byte) (Hash, bool) {
	s.hash.Reset()
	s.hash.Write(k.header(len(data)))
	s.hash.Write(data)
	var h Hash
	if c, ok := s.hash.(interface {
		CollisionResistantSum([]byte) ([]byte, bool)
	}); ok {
		sum, collides := c.CollisionResistantSum(h[:0])
		copy(h[:], sum)
		return h, !collides
	}
	copy(h[:], s.hash.Sum(nil))
	return h, true
}
