package remote_test

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
)

// liar is an https host that says whatever a test wants in Git's protocol.
func liar(t *testing.T, refs, pack func(io.Writer)) *remotetest.Host {
	t.Helper()
	server := remotetest.StartTLS(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/info/refs") {
			service := r.URL.Query().Get("service")
			w.Header().Set("Content-Type", "application/x-"+service+"-advertisement")
			io.WriteString(w, line("# service=%s\n", service)+"0000")
			refs(w)
			return
		}
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
		io.WriteString(w, line("NAK\n"))
		pack(&band{w})
	})
	return &remotetest.Host{CA: server.CA, Env: []string{"GIT_SSL_CAINFO=" + server.CA}, Address: func(string) string { return server.URL + "/x.git" }}
}

func line(format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	return fmt.Sprintf("%04x%s", len(text)+4, text)
}

// band sends data in side band 1.
type band struct{ w io.Writer }

func (b *band) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n := min(len(p), 60000)
		if _, err := io.WriteString(b.w, line("\x01%s", p[:n])); err != nil {
			return 0, err
		}
		p = p[n:]
	}
	return total, nil
}

const someID = "1234567890123456789012345678901234567890"

// oneRef advertises the branch.
func oneRef(w io.Writer) {
	io.WriteString(w, line("%s %s\x00side-band-64k ofs-delta object-format=sha1\n", someID, branch)+"0000")
}

// object is one entry of a pack: kind, size as claimed, and data.
func object(kind byte, size uint64, data []byte, before ...byte) []byte {
	var out []byte
	b := kind<<4 | byte(size&15)
	for size >>= 4; size > 0; size >>= 7 {
		out = append(out, b|0x80)
		b = byte(size & 0x7f)
	}
	out = append(append(out, b), before...)
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(data)
	w.Close()
	return append(out, z.Bytes()...)
}

// packOf closes a pack.
func packOf(count uint32, body []byte) []byte {
	p := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), count)
	p = append(p, body...)
	sum := sha1.Sum(p)
	return append(p, sum[:]...)
}

// bomb is a pack of a few kilobytes whose last object would have gibibytes.
func bomb() []byte {
	size := uint64(1 << 20)
	body := object(3, size, make([]byte, size))
	last := 0 // where the object before is in body
	for range 3 {
		const copies = 12
		next := size * copies
		var delta []byte
		delta = binary.AppendUvarint(delta, size)
		delta = binary.AppendUvarint(delta, next)
		for left := next; left > 0; {
			n := min(left, min(size, 0xffffff))
			delta = append(delta, 0x80|0x70, byte(n), byte(n>>8), byte(n>>16))
			left -= n
		}
		at := len(body)
		body = append(body, object(6, uint64(len(delta)), delta, back(at-last)...)...)
		size, last = next, at
	}
	return packOf(4, body)
}

// back spells how far before an offset delta its base is.
func back(n int) []byte {
	out := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		out = append([]byte{0x80 | byte(n&0x7f)}, out...)
	}
	return out
}

func TestAHostCantMakeAFetchEndlessOrHuge(t *testing.T) {
	small := remote.Limits{Bytes: 4 << 20, Objects: 1000, Refs: 1000}
	endless := func(data []byte) func(io.Writer) {
		return func(w io.Writer) {
			for {
				if _, err := w.Write(data); err != nil {
					return
				}
			}
		}
	}
	noise := func() []byte { return object(3, 5000, []byte(randomText(7)[:5000])) }
	for name, c := range map[string]struct {
		refs, pack func(io.Writer)
		limits     remote.Limits
		native     remote.Kind
		builtin    remote.Kind
	}{
		"endless refs": {
			refs: func(w io.Writer) {
				io.WriteString(w, line("%s %s\x00side-band-64k\n", someID, branch))
				endless([]byte(strings.Repeat(line("%s refs/heads/x\n", someID), 1000)))(w)
			},
			limits: small, native: remote.TooMuch, builtin: remote.TooMuch,
		},
		"endless pack": {
			refs: oneRef,
			pack: func(w io.Writer) {
				w.Write(binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), 1_900_000))
				endless(noise())(w)
			},
			limits: remote.Limits{Bytes: 4 << 20, Objects: 2_000_000}, native: remote.TooMuch, builtin: remote.TooMuch,
		},
		"four billion objects": {
			refs: oneRef,
			pack: func(w io.Writer) {
				w.Write([]byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"))
				endless(noise())(w)
			},
			limits: small, native: remote.TooMuch, builtin: remote.TooMuch,
		},
		"delta bomb": {
			refs: oneRef, pack: func(w io.Writer) { w.Write(bomb()); io.WriteString(w.(*band).w, "0000") },
			limits: small, native: remote.TooMuch, builtin: remote.TooMuch,
		},
		"endless progress": {
			refs: oneRef,
			pack: func(w io.Writer) {
				raw := w.(*band).w
				endless([]byte(line("\x02working \x1b[31m...\r")))(raw)
			},
			limits: remote.Limits{Bytes: 4 << 20, Objects: 1000, Refs: 1000, Time: time.Second},
			native: remote.Timeout, builtin: remote.Timeout,
		},
		"a cut pack": {
			refs: oneRef, pack: func(w io.Writer) { w.Write(packOf(1, noise())[:200]) },
			limits: small, native: remote.Broken, builtin: remote.Broken,
		},
		"a damaged pack": {
			refs: oneRef,
			pack: func(w io.Writer) {
				p := packOf(1, noise())
				p[len(p)-1] ^= 1
				w.Write(p)
				io.WriteString(w.(*band).w, "0000")
			},
			limits: small, native: remote.Broken, builtin: remote.Broken,
		},
		"no pack": {
			refs: oneRef, pack: func(io.Writer) {}, limits: small, native: remote.Broken, builtin: remote.Broken,
		},
		"an error with escapes": {
			refs:   oneRef,
			pack:   func(w io.Writer) { io.WriteString(w.(*band).w, line("\x03\x1b]0;owned\x07no \x1b[31mspace left")) },
			limits: small, native: remote.Broken, builtin: remote.Quota,
		},
		"not git at all": {
			refs: func(w io.Writer) { io.WriteString(w, "<html>\x1b[2J</html>") }, limits: small, native: remote.Broken, builtin: remote.Broken,
		},
	} {
		for which, make := range transports() {
			t.Run(name+"/"+which, func(t *testing.T) {
				pack := c.pack
				if pack == nil {
					pack = func(io.Writer) {}
				}
				h := liar(t, c.refs, pack)
				tr, _ := make(t, h)
				q := quarantine(t, repository(t))
				_, err := tr.Fetch(context.Background(), remote.Fetch{URL: parse(t, h.Address("")), Ref: branch, Into: q, Limits: c.limits})
				want := c.native
				if which == "builtin" {
					want = c.builtin
				}
				wantKind(t, err, want)
				if err != nil && strings.ContainsAny(err.Error(), "\x1b\x07") {
					t.Errorf("the message has escapes: %q", err)
				}
			})
		}
	}
}

// TestALargeBlobIsNoUseToAHost: a pack may be small and what it unfolds to large.
func TestALargeBlobIsNoUseToAHost(t *testing.T) {
	size := 64 << 20
	if os.Getenv("SECR_TEST_LONG") == "1" {
		size = 1 << 30
	}
	conform(t, func(l *lab) {
		if l.host.Name == "ssh" {
			l.t.Skip("the same as https")
		}
		tip := remotetest.Commit(l.t, l.there, "", "a", strings.Repeat("\x00", size))
		remotetest.Run(l.t, l.there, "update-ref", branch, tip)
		q := quarantine(l.t, repository(l.t))
		got, err := l.fetch(q, remote.Limits{Bytes: 16 << 20})
		if err == nil {
			// Git stores it without ever having it in memory; reading it is refused.
			_, err = q.Repo().Blob(hash(l.t, remotetest.Run(l.t, l.there, "rev-parse", tip+":a")))
		}
		if err == nil {
			l.t.Errorf("a blob of %d bytes was taken with %s", size, got)
		}
	})
}
