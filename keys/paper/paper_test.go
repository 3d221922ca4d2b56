package paper_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tyler-smith/go-bip39"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/paper"
)

func words(t *testing.T, s keys.Seed) string {
	t.Helper()
	return string(paper.Words(s).Reveal())
}

func read(text string) (keys.Seed, error) { return paper.Seed(keys.NewSecret([]byte(text))) }

func TestTheFormIsTheStandardOne(t *testing.T) {
	for range 50 {
		s := keys.NewSeed()
		want, err := bip39.NewMnemonic(s.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		if words(t, s) != want {
			t.Fatal("other words than BIP-39 says")
		}
		got, err := read(want)
		if err != nil || !got.Equal(s) {
			t.Fatalf("read back: %v", err)
		}
	}
}

func TestWordsAreReadAsPeopleTypeThem(t *testing.T) {
	s := keys.NewSeed()
	list := strings.Fields(words(t, s))
	short := slices.Clone(list)
	for i, w := range short {
		short[i] = w[:min(4, len(w))]
	}
	for name, text := range map[string]string{
		"upper case":   strings.ToUpper(strings.Join(list, " ")),
		"lines":        strings.Join(list, "\n") + "\r\n",
		"wide spaces":  "  " + strings.Join(list, "   "),
		"four letters": strings.Join(short, " "),
	} {
		if got, err := read(text); err != nil || !got.Equal(s) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMisreadWordsAreNoticed(t *testing.T) {
	s := keys.NewSeed()
	list := strings.Fields(words(t, s))
	with := func(i int, w string) string {
		out := slices.Clone(list)
		out[i] = w
		return strings.Join(out, " ")
	}
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"nothing":           {"", paper.ErrCount},
		"one too few":       {strings.Join(list[1:], " "), paper.ErrCount},
		"one too many":      {strings.Join(list, " ") + " abandon", paper.ErrCount},
		"a word of no list": {with(6, "kubernetes"), paper.ErrWord},
		"three letters":     {with(6, "aba"), paper.ErrWord},
	} {
		if _, err := read(c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var e *paper.WordError
	if _, err := read(with(6, "kubernetes")); !errors.As(err, &e) || e.Number != 7 || strings.Contains(err.Error(), "kubernetes") {
		t.Errorf("%v", err)
	}
	// A checksum of 8 bits misses one in 256: among many changes it notices most.
	noticed := 0
	for i := range list {
		for _, w := range []string{"abandon", "zoo", "letter", "market"} {
			if _, err := read(with(i, w)); errors.Is(err, paper.ErrChecksum) {
				noticed++
			}
		}
	}
	if noticed < 80 {
		t.Errorf("%d of 96 changes were noticed", noticed)
	}
}

func FuzzSeed(f *testing.F) {
	f.Add(strings.Repeat("abandon ", 23) + "art")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := read(text)
		if err != nil {
			return
		}
		again, err := read(words(t, s))
		if err != nil || !again.Equal(s) {
			t.Error("its own words do not read back")
		}
	})
}
