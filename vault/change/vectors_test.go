package change_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/secr/secr/keys/sign"
	"github.com/secr/secr/vault/chain/chaintest"
	"github.com/secr/secr/vault/change"
)

const vectors = "../../docs/spec/vectors/change"

var writeVectors = flag.Bool("write-vectors", false, "publish the cases of this package that docs/spec/vectors/change has not")

// cases are the vectors by title: every spelling that is none, and some that are.
func cases(t *testing.T) map[string]chaintest.Vector {
	out := map[string]chaintest.Vector{}
	parse := func(title, class, raw string, fields map[string]string) {
		key := signer(t).Public()
		out[title] = chaintest.Vector{Op: "change.parse", Class: class, Note: title, Out: fields, In: map[string]string{
			"raw": base64.StdEncoding.EncodeToString([]byte(raw)), "key": hex.EncodeToString(key[:]),
		}}
	}
	longest := draft(change.MaxSeq)
	longest.Time, longest.Subject, longest.Author.Handle = change.MaxTime, strings.Repeat("é", change.MaxSubject/2), strings.Repeat("z", 32)
	earliest := draft(2)
	earliest.Time, earliest.Subject = 0, "x"
	for title, d := range map[string]change.Draft{"founding": draft(1), "second": draft(2), "longest": longest, "earliest": earliest} {
		raw := encode(t, d)
		c, err := change.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		parse("ok: "+title, "ok", string(raw), fields(c))
	}
	for title, edit := range spellings() {
		parse("malformed: "+title, "malformed", edit(string(encode(t, draft(2)))), nil)
	}
	d := draft(2)
	d.Subject = "another subject than was signed"
	raw, err := d.Encode(func([]byte) string { return signer(t).SignCommit(draft(2).Payload()) })
	if err != nil {
		t.Fatal(err)
	}
	parse("bad-signature: another subject", "bad-signature", string(raw), nil)
	for title, touched := range map[string][]change.Sum{
		"nothing touched":  nil,
		"one file":         {{Path: "vault.json", Sum: [32]byte{1}}},
		"deleted and kept": {{Path: "a", Deleted: true}, {Path: "a-b", Sum: [32]byte{2}}, {Path: "a/b", Sum: [32]byte{3}}},
	} {
		sum := change.ChangesSum(touched)
		in := map[string]string{}
		for _, s := range touched {
			in[s.Path] = hex.EncodeToString(s.Sum[:])
			if s.Deleted {
				in[s.Path] = "deleted"
			}
		}
		out["sum: "+title] = chaintest.Vector{Op: "change.sum", Class: "ok", Note: title, In: in, Out: map[string]string{"sum": hex.EncodeToString(sum[:])}}
	}
	return out
}

func fields(c change.Change) map[string]string {
	payload := change.BlobID(c.Payload())
	return map[string]string{
		"tree": hex.EncodeToString(c.Tree[:]), "parent": hex.EncodeToString(c.Parent[:]),
		"handle": c.Author.Handle, "device": c.Author.Device, "vault": c.Author.Vault,
		"time": strconv.FormatInt(c.Time, 10), "subject": c.Subject, "seq": strconv.FormatUint(c.Seq, 10), "op": c.Op.String(),
		"parent_sum": hex.EncodeToString(c.ParentSum[:]), "changes_sum": hex.EncodeToString(c.ChangesSum[:]),
		"payload": hex.EncodeToString(payload[:]),
	}
}

func TestVectors(t *testing.T) {
	all := cases(t)
	if *writeVectors {
		for title, v := range all {
			file := filepath.Join(vectors, chaintest.FileName(title))
			if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
				chaintest.WriteJSON(t, file, v)
			}
		}
	}
	seen := 0
	chaintest.ReadVectors(t, vectors, func(t *testing.T, _ string, v chaintest.Vector) {
		seen++
		if v.Op == "change.sum" {
			return // compared below: a map has lost the order
		}
		c, err := change.Parse(chaintest.Unbase64(t, v.In["raw"]))
		class := "ok"
		if errors.Is(err, change.ErrMalformed) {
			class = "malformed"
		} else if sign.VerifyCommit([32]byte(chaintest.Unhex(t, v.In["key"])), c.Payload(), c.Signature) != nil {
			class = "bad-signature"
		}
		if class != v.Class {
			t.Fatalf("%s, want %s: %v", class, v.Class, err)
		}
		if class == "ok" {
			if diff := cmp.Diff(v.Out, fields(c)); diff != "" {
				t.Error(diff)
			}
		}
	})
	if seen != len(all) {
		t.Errorf("%d vectors are published, %d cases are known", seen, len(all))
	}
	for title, v := range all {
		var published chaintest.Vector
		chaintest.ReadJSON(t, filepath.Join(vectors, chaintest.FileName(title)), &published)
		if diff := cmp.Diff(published, v, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s is not what was published: %s", title, diff)
		}
	}
}
