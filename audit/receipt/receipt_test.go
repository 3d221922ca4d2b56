package receipt_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault/local"
)

const (
	vaultID  = "abcdefghijklmnopqrstuvwxyz"
	deviceID = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	otherID  = "bbbbbbbbbbbbbbbbbbbbbbbbbb"
	zeros    = "0000000000000000000000000000000000000000000000000000000000000000"
	salt     = "00112233445566778899aabbccddeeff"
)

func seed(t testing.TB) keys.Seed {
	t.Helper()
	s, err := keys.SeedFromBytes(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newVault(t testing.TB) local.Vault {
	t.Helper()
	home := t.TempDir()
	h, err := local.NewHome(func(name string) string {
		return map[string]string{"SECR_HOME": home}[name]
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	v, err := h.Vault(vaultID)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func newLog(t testing.TB, v local.Vault, device string) receipt.Log {
	t.Helper()
	l, err := receipt.NewLog(v, device, receipt.Root(seed(t)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func path(v local.Vault) string { return filepath.Join(v.State(), "receipts-"+deviceID) }

func reading(program string) receipt.Receipt {
	return receipt.Receipt{
		Time: 1_700_000_000, Action: "run", Environment: "production", Seq: 12, Sum: zeros, All: true,
		Program: program, Host: "host", Addresses: []string{"192.0.2.7"}, Reason: "deploy",
	}
}

func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func add(t testing.TB, l receipt.Log, program string) receipt.Appended {
	t.Helper()
	a, err := l.Append(patient(t), reading(program))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func programs(entries []receipt.Entry) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Program)
	}
	return out
}

func pending(t testing.TB, l receipt.Log, want ...string) receipt.Pending {
	t.Helper()
	p, err := l.Read(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, programs(p.Entries)); d != "" {
		t.Error(d)
	}
	return p
}

func TestWhatWasAppendedIsReadInOneChain(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	pending(t, l)
	for i, program := range []string{"a", "b", "c"} {
		if d := cmp.Diff(receipt.Appended{Number: uint64(i + 1)}, add(t, l, program)); d != "" {
			t.Error(d)
		}
	}
	p := pending(t, l, "a", "b", "c")
	want := reading("a")
	want.Number, want.Previous, want.Salt, want.Vault, want.Device = 1, zeros, p.Entries[0].Salt, vaultID, deviceID
	want.Secrets = []receipt.Secret{}
	if d := cmp.Diff(want, p.Entries[0].Receipt); d != "" {
		t.Error(d)
	}
	last, err := receipt.Link{}.Check(vaultID, deviceID, p.Entries)
	if err != nil || last != p.Last || last.Number != 3 || p.Unreadable != 0 {
		t.Errorf("%v %v %v", last, p.Last, err)
	}
}

func TestLogIsPrivateAndShowsNothing(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	add(t, l, "very-secret-program")
	b, err := os.ReadFile(path(v))
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range []string{"very-secret", "production", vaultID, deviceID, "192.0.2.7"} {
		if bytes.Contains(b, []byte(leak)) {
			t.Errorf("%s is in clear", leak)
		}
	}
	info, err := os.Stat(path(v))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestDevicesAndSeedsAreApart(t *testing.T) {
	v := newVault(t)
	l, other := newLog(t, v, deviceID), newLog(t, v, otherID)
	add(t, l, "a")
	add(t, other, "b")
	pending(t, l, "a")
	pending(t, other, "b")
	stranger, err := receipt.NewLog(v, deviceID, receipt.Root(keys.NewSeed()))
	if err != nil {
		t.Fatal(err)
	}
	p, err := stranger.Read(patient(t))
	if err != nil || len(p.Entries) != 0 || p.Unreadable == 0 {
		t.Errorf("a stranger read %d receipts: %v", len(p.Entries), err)
	}
	if _, err := receipt.NewLog(v, "../x", receipt.Root(seed(t))); err == nil {
		t.Error("a path is taken for a device")
	}
}

// A power cut can leave any part of the last write, or zeros in its place.
func TestTornTailIsMendedByTheNextAppend(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	add(t, l, "a")
	add(t, l, "b")
	whole := content(t, v)
	add(t, l, "torn")
	torn := content(t, v)
	for n := len(whole) + 1; n < len(torn); n += cutStep(n-len(whole), len(torn)-n) {
		for _, zeroed := range []bool{false, true} {
			tail := bytes.Clone(torn[:n])
			if zeroed {
				clear(tail[len(whole):])
			}
			put(t, v, tail)
			p := pending(t, l, "a", "b")
			lost := uint64(n - len(whole))
			if p.Unreadable != lost {
				t.Fatalf("cut to %d: %d bytes unreadable", n, p.Unreadable)
			}
			a := add(t, l, "c")
			aside := ""
			if !zeroed {
				aside = path(v) + ".damaged-3"
			}
			if a.Number != 3 || a.Lost != lost || (a.Aside != "") != (aside != "") && !allZero(tail[len(whole):]) {
				t.Fatalf("cut to %d: %+v", n, a)
			}
			if got := pending(t, l, "a", "b", "c"); got.Entries[2].Lost != lost || got.Unreadable != 0 {
				t.Fatalf("cut to %d: %+v", n, got)
			}
		}
	}
	aside, err := os.ReadFile(path(v) + ".damaged-3")
	if err != nil || !bytes.HasPrefix(torn[len(whole):], aside) {
		t.Errorf("what was cut off is not kept: %v", err)
	}
}

// cutStep tries every cut in the frame's lengths, and some in between.
func cutStep(fromStart, toEnd int) int {
	if fromStart < 8 || toEnd < 8 {
		return 1
	}
	return min(97, toEnd-7)
}

func allZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

func content(t testing.TB, v local.Vault) []byte {
	t.Helper()
	b, err := os.ReadFile(path(v))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func put(t testing.TB, v local.Vault, b []byte) {
	t.Helper()
	if err := os.WriteFile(path(v), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whoever can write the file but has no seed: any changed byte shows.
func TestEveryChangedByteShows(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	for _, program := range []string{"a", "b"} {
		add(t, l, program)
	}
	good := content(t, v)
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1
		put(t, v, b)
		p, err := l.Read(patient(t))
		if err == nil && p.Unreadable == 0 {
			t.Errorf("byte %d changed: nothing shows", i)
		}
		if len(p.Entries) > 1 {
			t.Errorf("byte %d changed: %d receipts", i, len(p.Entries))
		}
		if i%101 != 0 && len(good)-i > 6 {
			continue
		}
		if a := add(t, l, "d"); a.Number != 3 && a.Lost == 0 {
			t.Errorf("byte %d changed: appended %+v", i, a)
		}
	}
}

func TestMissingReorderedAndForeignReceiptsShow(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	ends := []int{0}
	for _, program := range []string{"a", "b", "c", "d"} {
		add(t, l, program)
		ends = append(ends, len(content(t, v)))
	}
	good := content(t, v)
	piece := func(i int) []byte { return good[ends[i]:ends[i+1]] }
	for name, pieces := range map[string][][]byte{
		"first gone":  {piece(1), piece(2), piece(3)},
		"middle gone": {piece(0), piece(2), piece(3)},
		"swapped":     {piece(0), piece(2), piece(1), piece(3)},
		"twice":       {piece(0), piece(1), piece(1), piece(2)},
	} {
		put(t, v, bytes.Join(pieces, nil))
		var broken *receipt.ChainError
		if _, err := l.Read(patient(t)); !errors.As(err, &broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The middle of the file is overwritten: what stands behind it is still read,
// and the gap has its numbers.
func TestWhatStandsBehindDamageIsStillRead(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	add(t, l, "a")
	from := len(content(t, v))
	add(t, l, "b")
	to := len(content(t, v))
	add(t, l, "c")
	for name, fill := range map[string]byte{"zeros": 0, "ones": 0xff} {
		b := content(t, v)
		for i := from; i < to; i++ {
			b[i] = fill
		}
		put(t, v, b)
		p, err := l.Read(patient(t))
		var broken *receipt.ChainError
		if !errors.As(err, &broken) || broken.Number != 3 || p.Unreadable != uint64(to-from) {
			t.Errorf("%s: %d bytes, %v", name, p.Unreadable, err)
		}
		if d := cmp.Diff([]string{"a", "c"}, programs(p.Entries)); d != "" {
			t.Error(d)
		}
	}
	if a := add(t, l, "d"); a.Number != 4 || a.Lost != 0 {
		t.Errorf("%+v", a)
	}
}

func TestSentReceiptsAreDroppedAndTheChainGoesOn(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	add(t, l, "a")
	add(t, l, "b")
	first := pending(t, l, "a", "b")
	add(t, l, "c") // while the others were on their way
	if err := l.Drop(patient(t), first.Last); err != nil {
		t.Fatal(err)
	}
	second := pending(t, l, "c")
	if second.Sent != first.Last {
		t.Error(second.Sent)
	}
	if err := l.Drop(patient(t), second.Last); err != nil {
		t.Fatal(err)
	}
	if n := len(content(t, v)); n != 0 {
		t.Errorf("%d bytes stay", n)
	}
	pending(t, l)
	if a := add(t, l, "d"); a.Number != 4 {
		t.Errorf("%+v", a)
	}
	third := pending(t, l, "d")
	all := append(append(first.Entries, second.Entries...), third.Entries...)
	if _, err := (receipt.Link{}).Check(vaultID, deviceID, all); err != nil {
		t.Error(err)
	}
	if err := l.Drop(patient(t), first.Last); err != nil {
		t.Errorf("an old note: %v", err)
	}
	wrong := third.Last
	wrong.Sum[0]++
	var broken *receipt.ChainError
	if err := l.Drop(patient(t), wrong); !errors.As(err, &broken) {
		t.Errorf("a receipt that isn't ours: %v", err)
	}
	pending(t, l, "d")
}

// An old copy of the file comes back (a backup): numbers that were sent are
// never given again.
func TestRestoredFileDoesNotForkWhatWasSent(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	add(t, l, "a")
	old := content(t, v)
	add(t, l, "b")
	if err := l.Drop(patient(t), pending(t, l, "a", "b").Last); err != nil {
		t.Fatal(err)
	}
	put(t, v, old)
	pending(t, l)
	if a := add(t, l, "c"); a.Number != 3 {
		t.Errorf("%+v", a)
	}
	pending(t, l, "c")
}

func TestDamagedNoteOfWhatWasSentStopsInsteadOfForking(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	add(t, l, "a")
	if err := l.Drop(patient(t), pending(t, l, "a").Last); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "x", "secr/1 receipts sent\n1 00\n", "secr/1 receipts sent\n01 " + zeros + "\n"} {
		if err := os.WriteFile(path(v)+".sent", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(patient(t), reading("b")); !errors.Is(err, local.ErrDamaged) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWhatTheMachineSaysIsMadeToFit(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	r := reading(strings.Repeat("é", 300))
	r.Host = "a\xffb"
	r.Addresses = make([]string, 40)
	if _, err := l.Append(patient(t), r); err != nil {
		t.Fatal(err)
	}
	p, err := l.Read(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	e := p.Entries[0]
	if len(e.Program) != 254 || e.Host != "a\uFFFDb" || len(e.Addresses) != 16 {
		t.Errorf("%d %q %d", len(e.Program), e.Host, len(e.Addresses))
	}
}

func TestWhatPeopleSayIsRefusedIfItDoesNotFit(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	for name, change := range map[string]func(*receipt.Receipt){
		"long reason":  func(r *receipt.Receipt) { r.Reason = strings.Repeat("x", 1025) },
		"reason bytes": func(r *receipt.Receipt) { r.Reason = "\xff" },
		"action":       func(r *receipt.Receipt) { r.Action = "" },
		"environment":  func(r *receipt.Receipt) { r.Environment = "a b" },
		"sum":          func(r *receipt.Receipt) { r.Sum = "00" },
		"all and some": func(r *receipt.Receipt) { r.Secrets = []receipt.Secret{{ID: strings.Repeat("0", 40), Version: 1}} },
		"secret id":    func(r *receipt.Receipt) { r.All, r.Secrets = false, []receipt.Secret{{ID: "x", Version: 1}} },
		"version 0":    func(r *receipt.Receipt) { r.All, r.Secrets = false, []receipt.Secret{{ID: strings.Repeat("0", 40)}} },
		"too many":     func(r *receipt.Receipt) { r.All, r.Secrets = false, make([]receipt.Secret, 16385) },
	} {
		r := reading("p")
		change(&r)
		if _, err := l.Append(patient(t), r); !errors.Is(err, receipt.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	pending(t, l)
}

func TestLargestReceiptIsFoundAgain(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	r := reading("large")
	r.All, r.Secrets = false, make([]receipt.Secret, receipt.MaxSecrets)
	for i := range r.Secrets {
		r.Secrets[i] = receipt.Secret{ID: hex.EncodeToString(bytes.Repeat([]byte{byte(i)}, 20)), Version: 1 << 60}
	}
	if _, err := l.Append(patient(t), r); err != nil {
		t.Fatal(err)
	}
	if a := add(t, l, "next"); a.Number != 2 || a.Lost != 0 {
		t.Errorf("%+v", a)
	}
	pending(t, l, "large", "next")
}

func TestLockedLogEndsWithTheContext(t *testing.T) {
	v := newVault(t)
	l := newLog(t, v, deviceID)
	add(t, l, "a")
	j, err := local.OpenJournal(patient(t), path(v), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := l.Append(ctx, reading("b")); err == nil {
		t.Error("appended to a locked log")
	}
}
