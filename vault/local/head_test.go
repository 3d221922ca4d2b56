package local

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	someID  = "0123456789abcdef0123456789abcdef01234567"
	someSum = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func TestAHeadFileHasOneSpelling(t *testing.T) {
	v := testVault(t)
	path := filepath.Join(v.State(), "head")
	good := headMagic + "\n41 " + someID + " " + someSum + "\n"
	put(t, path, good, 0o600)
	if _, err := v.ReadHead(); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":         "",
		"no line":       headMagic + "\n",
		"no newline":    strings.TrimSuffix(good, "\n"),
		"cut":           good[:60],
		"two lines":     good + "\n",
		"a second head": good + good,
		"crlf":          strings.ReplaceAll(good, "\n", "\r\n"),
		"other format":  strings.Replace(good, "secr/1", "secr/2", 1),
		"zero":          strings.Replace(good, "41 ", "041 ", 1),
		"sign":          strings.Replace(good, "41 ", "+41 ", 1),
		"negative":      strings.Replace(good, "41 ", "-41 ", 1),
		"huge":          strings.Replace(good, "41 ", "99999999999999999999 ", 1),
		"upper case":    strings.Replace(good, "abcdef", "ABCDEF", 1),
		"short id":      strings.Replace(good, someID, someID[1:], 1),
		"two spaces":    strings.Replace(good, "41 ", "41  ", 1),
		"tab":           strings.Replace(good, "41 ", "41\t", 1),
		"nul":           good + "\x00",
		"bom":           "\xef\xbb\xbf" + good,
	} {
		t.Run(name, func(t *testing.T) {
			put(t, path, text, 0o600)
			_, err := v.ReadHead()
			var file *FileError
			if !errors.Is(err, ErrDamaged) || !errors.As(err, &file) || file.Path != path {
				t.Error(err)
			}
		})
	}
}

func TestEveryFlippedBitOfAHeadFileIsSeen(t *testing.T) {
	good := []byte(headMagic + "\n41 " + someID + " " + someSum + "\n")
	want, err := parseHead(string(good))
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			// A digit may become another digit: that is another head, which the
			// chain then doesn't know.
			if got, err := parseHead(string(bad)); err == nil && got == want {
				t.Errorf("byte %d bit %d makes no difference", i, bit)
			}
		}
	}
}

func TestALargeHeadFileIsNotRead(t *testing.T) {
	v := testVault(t)
	path := filepath.Join(v.State(), "head")
	put(t, path, "", 0o600)
	if err := os.Truncate(path, 100<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := v.ReadHead(); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func FuzzHead(f *testing.F) {
	f.Add(headMagic + "\n41 " + someID + " " + someSum + "\n")
	f.Add(headMagic + "\n0 " + someID + " " + someSum)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHead(text)
		if err == nil && h.format() != text {
			t.Errorf("%q was read and would be written as %q", text, h.format())
		}
	})
}

func FuzzPin(f *testing.F) {
	f.Add(pinMagic + "\n41 " + someID + " " + someSum + "\nfetched 1700000000\nremote https://host/path\n")
	f.Add(pinMagic + "\n41 " + someID + " " + someSum + "\nfetched 0\nremote git@host:path\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePin(text)
		if err == nil && p.format() != text {
			t.Errorf("%q was read and would be written as %q", text, p.format())
		}
	})
}

func FuzzFloors(f *testing.F) {
	f.Add(floorMagic + "\n1:" + someSum + "\n41:" + someSum + "\n")
	f.Add(floorMagic + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		floors, err := parseFloors(text)
		if err == nil && formatFloors(floors) != text {
			t.Errorf("%q was read and would be written as %q", text, formatFloors(floors))
		}
	})
}

func FuzzLinks(f *testing.F) {
	f.Add([]byte(`{"links":[{"folder":"/a","vault":"` + testID + `","profile":"work"}]}`))
	f.Add([]byte("{\n  \"links\": []\n}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		links, err := parseLinks(string(data))
		if err != nil {
			return
		}
		text := formatLinks(links)
		again, err := parseLinks(string(text))
		if err != nil || len(again) != len(links) {
			t.Errorf("%s became %s: %v", data, text, err)
		}
	})
}
