package snapshot_test

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/vectortest"
	"github.com/secr/secr/vault/snapshot"
)

const vectorDir = "../../docs/spec/vectors/snapshot"

var writeVectors = flag.Bool("write-vectors", false, "add the vectors that are missing")

func TestVectors(t *testing.T) {
	if *writeVectors {
		addVectors(t)
	}
	vectortest.Run(t, vectorDir, "snapshot.open", func(t *testing.T, c vectortest.Case) {
		class, out := outcome(t, c)
		if class != c.Class {
			t.Errorf("class %s, want %s", class, c.Class)
		}
		if diff := cmp.Diff(c.Out, out); diff != "" {
			t.Error(diff)
		}
	})
}

// outcome opens the file of a case: tampered is damaged, rewind is of another change.
func outcome(t *testing.T, c vectortest.Case) (string, map[string]string) {
	t.Helper()
	seed, err := keys.SeedFromBytes(c.Bytes(t, "seed"))
	if err != nil {
		t.Fatal(err)
	}
	seq, err := strconv.ParseUint(c.In["seq"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	at := snapshot.Place{Vault: c.In["vault"], Environment: c.In["environment"], Seq: seq, Sum: [32]byte(c.Bytes(t, "sum"))}
	s, err := snapshot.Parse(c.Bytes(t, "file"), snapshot.Root(seed), at)
	var values snapshot.Values
	if err == nil {
		values, err = s.Reveal(willing, nil)
	}
	switch {
	case errors.Is(err, snapshot.ErrStale):
		return "rewind", nil
	case errors.Is(err, snapshot.ErrDamaged):
		return "tampered", nil
	case err != nil:
		t.Fatal(err)
	}
	out := map[string]string{"settings": fmt.Sprintf("%+v", s.Settings())}
	for i := range s.Len() {
		e := s.Entry(i)
		out[e.Name] = fmt.Sprintf("id %x version %d since %d", e.ID, e.Version, e.Since)
	}
	for _, line := range values.Environ {
		name, value, _ := strings.Cut(line, "=")
		out[name] += " variable " + hex.EncodeToString([]byte(value))
	}
	for _, f := range values.Files {
		out[f.Name] += " file " + hex.EncodeToString(f.Value.Reveal())
	}
	return "ok", out
}

func addVectors(t *testing.T) {
	t.Helper()
	raw := make([]byte, keys.Size)
	for i := range raw {
		raw[i] = byte(i)
	}
	seed, err := keys.SeedFromBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	secrets := []snapshot.Secret{secret(1, "ZED", "last=with=equals"), file(2, "CERT", "-----BEGIN\n\x00binary"), secret(3, "EMPTY", "")}
	whole, err := snapshot.Seal(snapshot.Root(seed), place(9), settings(), secrets)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := snapshot.Seal(snapshot.Root(seed), place(9), snapshot.Settings{Device: "device", Handle: "ana"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) []byte {
		bad := slices.Clone(whole)
		bad[at] ^= 1
		return bad
	}
	add := func(name, class, note string, data []byte, alter func(in map[string]string)) {
		sum := place(9).Sum
		c := vectortest.Case{Op: "snapshot.open", Class: class, Note: note, In: map[string]string{
			"seed": hex.EncodeToString(raw), "vault": place(9).Vault, "environment": place(9).Environment,
			"seq": "9", "sum": hex.EncodeToString(sum[:]), "file": hex.EncodeToString(data),
		}}
		if alter != nil {
			alter(c.In)
		}
		got, out := outcome(t, c)
		if got != class {
			t.Fatalf("%s: %s", name, got)
		}
		c.Out = out
		vectortest.Write(t, vectorDir, name, c)
	}
	add("ok", "ok", "two variables and a file", whole, nil)
	add("ok-empty", "ok", "no secrets", empty, nil)
	add("tampered-magic", "tampered", "", flip(0), nil)
	add("tampered-salt", "tampered", "", flip(16), nil)
	add("tampered-lock", "tampered", "", flip(96), nil)
	add("tampered-body", "tampered", "", flip(300), nil)
	add("tampered-file", "tampered", "the last byte of the sealed file", flip(len(whole)-1), nil)
	add("tampered-cut", "tampered", "one byte is missing", whole[:len(whole)-1], nil)
	add("tampered-no-bytes", "tampered", "", nil, nil)
	add("tampered-other-environment", "tampered", "a file of production, read as staging's", whole, func(in map[string]string) { in["environment"] = "staging" })
	add("tampered-other-vault", "tampered", "", whole, func(in map[string]string) { in["vault"] = "bbcdefghijklmnopqrstuvwxyz" })
	add("tampered-other-seed", "tampered", "", whole, func(in map[string]string) { in["seed"] = strings.Repeat("00", 32) })
	add("rewind-other-seq", "rewind", "the head is another change", whole, func(in map[string]string) { in["seq"] = "10" })
	add("rewind-other-sum", "rewind", "the head is another change of that number", whole, func(in map[string]string) { in["sum"] = strings.Repeat("00", 32) })
}
