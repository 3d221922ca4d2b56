package remote

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestAnAdvertisementIsReadWithinItsLimit(t *testing.T) {
	id := strings.Repeat("ab", 20)
	text := packet("%s refs/heads/a\x00report-status object-format=sha1\n", id) + packet("%s refs/heads/b\n", id) + flushPacket
	all := func(string) bool { return true }
	a, err := readAdvertisement(newPackets(strings.NewReader(text)), all, 2)
	if err != nil || len(a.refs) != 2 || !a.capabilities["report-status"] || a.usable() != nil {
		t.Errorf("read %+v, %v", a, err)
	}
	if _, err := readAdvertisement(newPackets(strings.NewReader(packet("%s refs/heads/c\n", id)+text)), all, 1); !errors.Is(err, errSize) {
		t.Errorf("too many refs: %v", err)
	}
	endless := io.MultiReader(strings.NewReader(packet("%s refs/heads/a\x00\n", id)), endlessRefs(packet("%s refs/heads/x\n", id)))
	if _, err := readAdvertisement(newPackets(endless), all, 1000); !errors.Is(err, errSize) {
		t.Errorf("endless refs: %v", err)
	}
	for _, bad := range []string{"", "00", "zzzz", "0003", "fff1", "0006ab", packet("short refs/heads/a\n"), packet("%s", id), packet("ERR go away \x1b[31mnow\n")} {
		if _, err := readAdvertisement(newPackets(strings.NewReader(bad)), all, 10); err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q was read: %v", bad, err)
		}
	}
	sha256, err := readAdvertisement(newPackets(strings.NewReader(packet("%s refs/heads/a\x00object-format=sha256\n", id)+flushPacket)), all, 10)
	if err != nil || sha256.usable() == nil {
		t.Errorf("a host with other ids is taken: %v", err)
	}
}

type endlessRefs string

func (e endlessRefs) Read(p []byte) (int, error) { return copy(p, e), nil }

func TestThePackIsFoundBehindAcknowledgements(t *testing.T) {
	for name, text := range map[string]string{
		"side bands": packet("ACK %s common\n", strings.Repeat("0", 40)) + packet("NAK\n") + packet("\x02counting\n") + packet("\x01PA") + packet("\x01CK") + flushPacket,
		"without":    packet("NAK\n") + "PACK",
	} {
		r, err := answer(newPackets(strings.NewReader(text)), func(string) {})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != "PACK" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	r, err := answer(newPackets(strings.NewReader(packet("NAK\n")+packet("\x01PA")+packet("\x03out of \x1b[1mspace")+flushPacket)), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r); !errors.Is(err, errRemote) || !strings.Contains(err.Error(), "out of space") {
		t.Errorf("the host's error is %v", err)
	}
}

// FuzzAnswer holds that no host crashes the reading of its packets, or makes it endless.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(packet("NAK\n") + packet("\x01PACK") + flushPacket))
	f.Add([]byte("0000"))
	f.Fuzz(func(t *testing.T, data []byte) {
		readAdvertisement(newPackets(bytes.NewReader(data)), func(string) bool { return true }, 100)
		if r, err := answer(newPackets(bytes.NewReader(data)), func(string) {}); err == nil {
			io.Copy(io.Discard, r)
		}
	})
}
