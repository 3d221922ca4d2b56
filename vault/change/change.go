// Package change is the grammar of one change of a vault: a signed git commit of
// exactly one spelling, and the typed operations that such a commit carries out.
//
// A change is these bytes and no others (docs/spec/change.md):
//
//	tree <40 hex>
//	parent <40 hex>                                      the founding change has none
//	author <handle> <<device-id>@<vault-id>> <time> +0000
//	committer <the same as author>
//	gpgsig -----BEGIN SSH SIGNATURE-----
//	 <base64, 70 characters a line>
//	 -----END SSH SIGNATURE-----
//
//	<subject>
//
//	Secr-Seq: <decimal>
//	Secr-Op: <32 hex>
//	Secr-Parent: <64 hex>|none
//	Secr-Changes: <64 hex>
//
// Parse accepts exactly what Draft.Encode writes: parsing and encoding again is the
// identity, so there is nothing in a change that a reader could see differently. Who may
// make which change is decided by package chain; nothing here needs a key.
package change

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// The limits of the grammar.
const (
	// MaxSize is the size of the largest raw commit, in bytes.
	MaxSize = 16 << 10
	// MaxSubject is the length of the longest subject line, in bytes.
	MaxSubject = 200
	// MaxTime is the latest time that a change can carry: the end of the year 9999.
	MaxTime = 253402300799
	// MaxSeq is the highest number of a change.
	MaxSeq = 1<<53 - 1
)

// An Op is the random name of an operation. It stays the same when the operation is
// replayed onto another head, so that nothing is done twice.
type Op [16]byte

// String is the op as it stands in the trailer.
func (o Op) String() string { return hex.EncodeToString(o[:]) }

// An Author is who made a change, as the author and committer lines say it.
type Author struct {
	Handle string // of the member, in the parent's policy
	Device string // id of the device that signed
	Vault  string // id of the vault
}

// A Draft is a change that has no signature yet.
type Draft struct {
	Tree       [20]byte // git id of the tree that the change leaves
	Parent     [20]byte // git id of the parent; not used in the founding change
	Author     Author
	Time       int64 // seconds since 1970, UTC
	Subject    string
	Seq        uint64   // 1 for the founding change
	Op         Op       // random
	ParentSum  [32]byte // SHA-256 of the parent's raw bytes; not used in the founding change
	ChangesSum [32]byte // what ChangesSum gives for the touched paths
}

// A Change is a signed change, parsed.
type Change struct {
	Draft
	// Signature is the armored SSH signature as sign.VerifyCommit takes it, with its
	// final newline.
	Signature string
}

// Founding says whether the draft is of the first change of a vault.
func (d Draft) Founding() bool { return d.Seq == 1 }

// A Sum is what Secr-Changes covers of one touched path: the SHA-256 of its new content,
// or nothing when the path was deleted.
type Sum struct {
	Path    string
	Sum     [32]byte
	Deleted bool
}

// ChangesSum is the value of Secr-Changes for touched, which must be sorted bytewise by
// path: SHA-256 over path, space, hexadecimal SHA-256 of the new content or "deleted",
// and a newline, for each.
func ChangesSum(touched []Sum) [32]byte {
	h := sha256.New()
	var line []byte
	for _, t := range touched {
		line = append(append(line[:0], t.Path...), ' ')
		if t.Deleted {
			line = append(line, "deleted"...)
		} else {
			line = hex.AppendEncode(line, t.Sum[:])
		}
		line = append(line, '\n')
		h.Write(line)
	}
	return [32]byte(h.Sum(nil))
}

// BlobID is the git id of a blob with this content.
func BlobID(data []byte) [20]byte { return objectID("blob", data) }

// CommitID is the git id of a raw commit.
func CommitID(raw []byte) [20]byte { return objectID("commit", raw) }

// objectID is git's name of an object: SHA-1 over kind, length and content. Nothing
// rests on it alone, see Secr-Parent and Secr-Changes.
func objectID(kind string, data []byte) [20]byte {
	h := sha1.New()
	h.Write(strconv.AppendInt([]byte(kind+" "), int64(len(data)), 10))
	h.Write([]byte{0})
	h.Write(data)
	return [20]byte(h.Sum(nil))
}
