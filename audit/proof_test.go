package audit_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/vectortest"
	"github.com/secr/secr/vault/chain"
)

const proofVectors = "../docs/spec/vectors/proof"

var writeVectors = flag.Bool("write-vectors", false, "add the vectors that are missing")

// proof is a proof of a small world with readings of two people.
func proof(t testing.TB, w *world) []byte {
	t.Helper()
	for range 2 {
		w.ana.read(now, "A")
		w.share(w.ana)
		w.ben.read(now)
		w.share(w.ben)
	}
	w.fetch(w.carl)
	return export(t, w.carl, true)
}

func export(t testing.TB, p *person, readings bool) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := audit.Export(t.Context(), p.vault, &b, audit.ExportOptions{Readings: readings, Now: now}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// section is one part of a proof.
type section struct {
	kind byte
	data []byte
}

const magic = "secr/1 proof\n"

// sections takes a proof apart, without its end.
func sections(t testing.TB, data []byte) []section {
	t.Helper()
	var out []section
	for rest := data[len(magic):]; len(rest) > 0; {
		n := 5 + int(binary.BigEndian.Uint32(rest[1:]))
		out = append(out, section{rest[0], rest[5:n:n]})
		rest = rest[n:]
	}
	return out[:len(out)-1]
}

// whole puts a proof together, with an end that fits.
func whole(all []section) []byte {
	b := []byte(magic)
	put := func(s section) {
		b = binary.BigEndian.AppendUint32(append(b, s.kind), uint32(len(s.data)))
		b = append(b, s.data...)
	}
	for _, s := range all {
		put(s)
	}
	sum := sha256.Sum256(b)
	put(section{'E', sum[:]})
	return b
}

func checkProof(t testing.TB, data []byte, o audit.ProofOptions) (audit.Proven, error) {
	t.Helper()
	return audit.CheckProof(t.Context(), bytes.NewReader(data), o)
}

func TestAThirdPartyChecksAProofWithoutVaultAndKey(t *testing.T) {
	w := newWorld(t)
	data := proof(t, w)
	var events []string
	p, err := checkProof(t, data, audit.ProofOptions{Vault: w.ana.vault.ID(), Floor: w.ana.vault.Head().Point(), Event: func(e audit.Event) error {
		events = append(events, line(e))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	head := w.ana.vault.Head()
	if len(p.Findings) > 0 || p.Head != head || p.Changes != int(head.Seq) || p.Batches != 4 || p.Receipts != 4 || p.Made != now {
		t.Errorf("%+v", p)
	}
	if p.State.VaultID() != w.ana.vault.ID() || len(events) != int(head.Seq)+4 {
		t.Errorf("%d events: %q", len(events), events)
	}
	for _, word := range []string{"one", "two"} {
		if bytes.Contains(data, []byte("\x00"+word+"\x00")) {
			t.Errorf("the proof holds the value %q", word)
		}
	}
}

func TestAProofWithoutReadingsTellsNothingOfThem(t *testing.T) {
	w := newWorld(t)
	proof(t, w)
	data := export(t, w.ben, false) // who may not audit can make one, too
	for _, word := range []string{`"npm"`, `"desk"`, `"program"`} {
		if bytes.Contains(data, []byte(word)) {
			t.Errorf("it tells %q", word)
		}
	}
	w.fetch(w.ben)
	p, err := checkProof(t, export(t, w.ben, false), audit.ProofOptions{})
	if err != nil || p.Broken() != nil || p.Batches != 4 || p.Receipts != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	if err := exportError(t, w.ben); err == nil {
		t.Error("a developer exports readings")
	}
}

func exportError(t *testing.T, p *person) error {
	_, err := audit.Export(t.Context(), p.vault, &bytes.Buffer{}, audit.ExportOptions{Readings: true, Now: now})
	return err
}

func TestAProofThatWasDoctoredIsFoundOut(t *testing.T) {
	w := newWorld(t)
	data := proof(t, w)
	nth := func(all []section, kind byte, n int) int {
		for i, s := range all {
			if s.kind == kind {
				if n--; n == 0 {
					return i
				}
			}
		}
		t.Fatalf("no %d. part %c", n, kind)
		return 0
	}
	for name, c := range map[string]struct {
		want string // class, or "proof" for no proof at all
		edit func(all []section) []section
	}{
		"nothing": {"", func(all []section) []section { return all }},
		"a change left out": {"bad-parent", func(all []section) []section {
			from, to := nth(all, 'C', 2), nth(all, 'C', 3)
			return slices.Delete(all, from, to)
		}},
		"the last change left out": {"tampered", func(all []section) []section {
			from, to := nth(all, 'C', 5), nth(all, 'B', 1)
			return slices.Delete(all, from, to)
		}},
		"two changes exchanged": {"bad-parent", func(all []section) []section {
			a, b := nth(all, 'C', 5), nth(all, 'C', 4)
			end := nth(all, 'B', 1)
			return slices.Concat(all[:b], all[a:end], all[b:a], all[end:])
		}},
		"a file altered": {"tampered", func(all []section) []section {
			i := nth(all, 'F', 3)
			all[i].data = append(slices.Clone(all[i].data), 0)
			return all
		}},
		"a file left out": {"tampered", func(all []section) []section {
			i := nth(all, 'C', 5) + 1
			return slices.Delete(all, i, i+1)
		}},
		"a file too many": {"tampered", func(all []section) []section {
			i := nth(all, 'B', 1)
			return slices.Insert(all, i, section{'F', append(keys.LP([]byte("vault.json")), 1)})
		}},
		"files out of order": {"proof", func(all []section) []section {
			i := nth(all, 'C', 1)
			all[i+1], all[i+2] = all[i+2], all[i+1]
			return all
		}},
		"a batch left out": {"gap", func(all []section) []section {
			i := nth(all, 'B', 1)
			return slices.Delete(all, i, i+2)
		}},
		"a batch altered": {"bad-signature", func(all []section) []section {
			i := nth(all, 'B', 1)
			all[i].data = bytes.Replace(all[i].data, []byte("Secr-Audit: 1"), []byte("Secr-Audit: 2"), 1)
			return all
		}},
		"a receipt altered": {"tampered", func(all []section) []section {
			i := nth(all, 'R', 1)
			all[i].data = bytes.Replace(all[i].data, []byte("npm"), []byte("top"), 1)
			return all
		}},
		"receipts of two batches exchanged": {"tampered", func(all []section) []section {
			i, j := nth(all, 'R', 1), nth(all, 'R', 2)
			all[i].data, all[j].data = all[j].data, all[i].data
			return all
		}},
		"receipts without a batch": {"proof", func(all []section) []section {
			i := nth(all, 'R', 1)
			return slices.Insert(all, i, all[i])
		}},
		"another head": {"tampered", func(all []section) []section {
			all[0].data = slices.Clone(all[0].data)
			all[0].data[40] ^= 1
			return all
		}},
		"no head":     {"proof", func(all []section) []section { return all[1:] }},
		"two heads":   {"proof", func(all []section) []section { return slices.Insert(all, 0, all[0]) }},
		"no change":   {"proof", func(all []section) []section { return all[:1] }},
		"of nothing":  {"proof", func([]section) []section { return nil }},
		"an odd part": {"proof", func(all []section) []section { return slices.Insert(all, 1, section{'X', nil}) }},
		"a change after receipts": {"proof", func(all []section) []section {
			return append(all, all[nth(all, 'C', 1)])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			all := sections(t, data)
			if n := slices.IndexFunc(all, func(s section) bool { return s.kind == 'B' }); n < 0 {
				t.Fatal("no batch")
			}
			p, err := checkProof(t, whole(c.edit(all)), audit.ProofOptions{})
			got := ""
			switch {
			case errors.Is(err, audit.ErrProof):
				got = "proof"
			case err != nil:
				t.Fatal(err)
			case p.Broken() != nil:
				got = string(p.Broken().Class)
			}
			if got != c.want {
				t.Errorf("%s: %v %v, want %s", got, err, p.Findings, c.want)
			}
		})
	}
}

func TestAProofOfAnotherVaultOrOfAnotherPastIsRefused(t *testing.T) {
	w := newWorld(t)
	data := export(t, w.ana, false)
	p, err := checkProof(t, data, audit.ProofOptions{Vault: "aaaaaaaaaaaaaaaaaaaaaaaaaa"})
	if err != nil || p.Broken() == nil || p.Changes != 0 {
		t.Errorf("another vault: %+v, %v", p, err)
	}
	p, err = checkProof(t, data, audit.ProofOptions{Floor: chain.Point{Seq: 2, Sum: [32]byte{1}}})
	if err != nil || p.Broken() == nil || p.Broken().Class != audit.Rewind {
		t.Errorf("another past: %+v, %v", p.Findings, err)
	}
}

func TestEveryDamagedByteOfAProofIsFound(t *testing.T) {
	w := newWorld(t)
	data := proof(t, w)
	step := max(1, len(data)/60)
	for i := 0; i < len(data); i += step {
		bad := slices.Clone(data)
		bad[i] ^= 1
		p, err := checkProof(t, bad, audit.ProofOptions{})
		if err == nil && p.Broken() == nil {
			t.Errorf("byte %d changed and nothing was found", i)
		}
		if _, err := checkProof(t, data[:i], audit.ProofOptions{}); !errors.Is(err, audit.ErrProof) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	if _, err := checkProof(t, append(slices.Clone(data), 0), audit.ProofOptions{}); !errors.Is(err, audit.ErrProof) {
		t.Errorf("longer: %v", err)
	}
}

func TestProofVectors(t *testing.T) {
	if *writeVectors {
		cases := proofCases(t)
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			vectortest.Write(t, proofVectors, name, cases[name])
		}
	}
	base := map[string][]byte{}
	vectortest.Run(t, proofVectors, "proof.", func(t *testing.T, c vectortest.Case) {
		var data []byte
		if name := c.In["base"]; name == "" {
			data = c.Bytes(t, "proof")
			base[c.In["name"]] = data
		} else {
			data = slices.Clone(base[name])
			if cut, err := strconv.Atoi(c.In["cut"]); err == nil {
				data = data[:cut]
			}
			if flip, err := strconv.Atoi(c.In["flip"]); err == nil {
				data[flip] ^= 1
			}
			data = append(data, c.Bytes(t, "append")...)
			if c.In["seal"] == "again" {
				data = whole(sections(t, data))
			}
		}
		p, err := checkProof(t, data, audit.ProofOptions{})
		class := "ok"
		switch {
		case errors.Is(err, audit.ErrProof):
			class = "malformed"
		case err != nil:
			t.Fatal(err)
		case p.Broken() != nil:
			class = string(p.Broken().Class)
		}
		if class != c.Class {
			t.Errorf("class %s, want %s: %v %v", class, c.Class, err, p.Findings)
		}
		if class == "ok" {
			out := map[string]string{"vault": p.Vault, "head": p.Head.Point().String(), "changes": fmt.Sprint(p.Changes), "batches": fmt.Sprint(p.Batches), "receipts": fmt.Sprint(p.Receipts)}
			if diff := cmp.Diff(c.Out, out); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func proofCases(t *testing.T) map[string]vectortest.Case {
	w := newWorld(t)
	data := proof(t, w)
	p, err := checkProof(t, data, audit.ProofOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := sections(t, data)
	at := func(kind byte) string {
		n := len(magic)
		for _, s := range all {
			if s.kind == kind {
				return fmt.Sprint(n + 5 + len(s.data) - 9)
			}
			n += 5 + len(s.data)
		}
		return ""
	}
	edit := func(class, note string, in ...string) vectortest.Case {
		c := vectortest.Case{Op: "proof.check", Class: class, Note: note, In: map[string]string{"base": "a"}}
		for i := 0; i < len(in); i += 2 {
			c.In[in[i]] = in[i+1]
		}
		return c
	}
	return map[string]vectortest.Case{
		"a": {
			Op: "proof.check", Class: "ok", Note: "three members, two secrets, four batches with their receipts", In: map[string]string{"name": "a", "proof": hex.EncodeToString(data)},
			Out: map[string]string{"vault": p.Vault, "head": p.Head.Point().String(), "changes": fmt.Sprint(p.Changes), "batches": fmt.Sprint(p.Batches), "receipts": fmt.Sprint(p.Receipts)},
		},
		"cut":           edit("malformed", "the last byte is missing", "cut", fmt.Sprint(len(data)-1)),
		"cut-head":      edit("malformed", "nothing but the first line", "cut", fmt.Sprint(len(magic))),
		"longer":        edit("malformed", "one byte more", "append", "00"),
		"magic":         edit("malformed", "another first line", "flip", "0"),
		"end":           edit("malformed", "the hash at its end", "flip", fmt.Sprint(len(data)-1)),
		"damaged":       edit("tampered", "a byte of a file changed", "flip", at('F')),
		"file-altered":  edit("tampered", "a byte of a file changed, and the hash at the end fits", "flip", at('F'), "seal", "again"),
		"batch-altered": edit("malformed", "a byte of a batch's last line changed, and the hash fits", "flip", at('B'), "seal", "again"),
	}
}

func FuzzCheckProof(f *testing.F) {
	f.Add([]byte(magic), false)
	f.Add(whole([]section{{'H', make([]byte, 74)}, {'C', []byte("tree ")}}), true)
	w := newWorld(f)
	w.ana.read(now, "A")
	w.share(w.ana)
	good := export(f, w.ana, true)
	f.Add(good, true)
	f.Fuzz(func(t *testing.T, data []byte, again bool) {
		if again && bytes.HasPrefix(data, []byte(magic)) {
			sum := sha256.Sum256(data)
			data = append(append(slices.Clone(data), 'E', 0, 0, 0, 32), sum[:]...)
		}
		p, err := checkProof(t, data, audit.ProofOptions{})
		if err == nil && p.Broken() == nil && !bytes.Equal(data, good) && p.Vault == w.ana.vault.ID() {
			// The end of a proof may be missing parts, and its readings; nothing else.
			if p.Head.Seq != w.ana.vault.Head().Seq {
				t.Errorf("another history was proved: %+v", p)
			}
		}
	})
}
