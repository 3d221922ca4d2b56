package chain

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/vault/change"
	"github.com/secr/secr/vault/record"
)

// A Touched path is one whose file a change adds, replaces or deletes.
type Touched = change.Touched

// A Blob is the content of one file.
type Blob = change.Blob

// Prepared is a change with all done that needs no state: parsed, hashed, and its
// signature verified against the key that it carries. It says nothing yet about whether
// the change is valid. Prepare changes on as many cores as there are, and apply them in
// order.
type Prepared struct {
	id     [20]byte // what the caller said the commit is called
	ownID  [20]byte // what it is called
	sum    [32]byte
	change change.Change
	err    error // of parsing the commit

	signer  [32]byte // the public key inside the signature
	signErr error    // of verifying under signer

	touched []touched
}

// touched is one touched path, looked at.
type touched struct {
	path  string
	place place
	data  []byte // nil when deleted
	named [20]byte
	file  *file // nil when deleted

	record    record.Record // of a secret, once the author is known
	recordErr error
}

// Prepare looks at a change. It never fails: what is wrong comes out of ApplyPrepared,
// in the order in which the rules are.
func Prepare(commitID [20]byte, raw []byte, touchedPaths []Touched) *Prepared {
	p := &Prepared{id: commitID, ownID: change.CommitID(raw), sum: sha256.Sum256(raw)}
	p.change, p.err = change.Parse(raw)
	if p.err != nil {
		return p
	}
	p.signer = signerOf(p.change.Signature)
	p.signErr = sign.VerifyCommit(p.signer, p.change.Payload(), p.change.Signature)
	p.touched = make([]touched, len(touchedPaths))
	for i, t := range touchedPaths {
		p.touched[i] = look(t)
	}
	slices.SortStableFunc(p.touched, func(a, b touched) int { return cmp.Compare(a.path, b.path) })
	return p
}

func look(t Touched) touched {
	l := touched{path: t.Path, place: parsePath(t.Path)}
	if t.New == nil {
		return l
	}
	data := t.New.Data
	l.data, l.named = data, t.New.Hash
	l.file = &file{id: change.BlobID(data), sum: sha256.Sum256(data), size: int64(len(data))}
	return l
}

// signerOf takes the public key out of a signature. It checks nothing: verifying under
// that key builds the only armor that could carry it and compares.
func signerOf(armored string) (public [32]byte) {
	const before = len("SSHSIG") + 4 + 4 + 4 + len("ssh-ed25519") + 4 // to the key itself
	_, body, _ := strings.Cut(armored, "\n")
	body, _, _ = strings.Cut(body, "\n-")
	blob, err := base64.StdEncoding.DecodeString(body) // skips line ends
	if err == nil && len(blob) >= before+len(public) {
		copy(public[:], blob[before:])
	}
	return public
}
