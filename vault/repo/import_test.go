package repo

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rawPack is a pack made by hand.
type rawPack struct {
	entries [][]byte
	count   int // what the header says, if not the number of entries
}

func deflated(data string) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	z.Write([]byte(data))
	z.Close()
	return out.Bytes()
}

func rawEntry(k kind, size int, base []byte, content string) []byte {
	return append(append(entryHeader(nil, k, size), base...), deflated(content)...)
}

func (p rawPack) bytes() []byte {
	count := len(p.entries)
	if p.count != 0 {
		count = p.count
	}
	out := binary.BigEndian.AppendUint32([]byte(packMagic), uint32(count))
	for _, e := range p.entries {
		out = append(out, e...)
	}
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}

// deltaTo makes a delta that says it turns base bytes into result bytes.
func deltaTo(base, result int, ops ...byte) string {
	out := binary.AppendUvarint(nil, uint64(base))
	return string(append(binary.AppendUvarint(out, uint64(result)), ops...))
}

func importPack(t testing.TB, pack []byte, limits Limits) error {
	t.Helper()
	r := testRepo(t)
	q, err := r.Quarantine(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer q.Discard()
	_, err = q.ImportPack(context.Background(), bytes.NewReader(pack), limits)
	if err != nil {
		if left, _ := filepath.Glob(filepath.Join(q.Dir(), "objects/pack/*")); len(left) != 0 {
			t.Errorf("a refused pack left %v", left)
		}
	}
	return err
}

func smallLimits() Limits {
	return Limits{Bytes: 1 << 20, Objects: 1000, Object: 1 << 16, Work: 1 << 24}
}

func TestAStrangersPackIsCheckedAndBounded(t *testing.T) {
	x := rawEntry(kindBlob, 5, nil, "hello")
	name := func(data string) []byte { h := BlobHash([]byte(data)); return h[:] }
	chain := [][]byte{rawEntry(kindBlob, 5, nil, "hello")}
	for i := range deltaDepth + 10 {
		d := deltaTo(5+i, 6+i, append(append([]byte{0x90}, byte(5+i)), 1, byte('a'+i%20))...)
		if 5+i > 255 {
			d = deltaTo(5+i, 6+i, 0xb0, byte(5+i), byte((5+i)>>8), 1, byte('a'+i%20))
		}
		chain = append(chain, rawEntry(kindOffsetDelta, len(d), backBytes(int64(len(chain[i]))), d))
	}
	whole := strings.Repeat("\x00", 1<<15)
	bomb := [][]byte{rawEntry(kindBlob, 1<<15, nil, whole)}
	for i := range 900 {
		d := deltaTo(1<<15, 1<<15+2, 2, byte(i), byte(i>>8), 0xa0, 0x80)
		bomb = append(bomb, rawEntry(kindRefDelta, len(d), name(whole), d))
	}
	good := rawPack{entries: [][]byte{x}}.bytes()
	flipped := bytes.Clone(good)
	flipped[20] ^= 1
	for name, c := range map[string]struct {
		pack []byte
		want error
	}{
		"good":                       {good, nil},
		"empty":                      {rawPack{}.bytes(), nil},
		"nothing":                    {nil, ErrDamaged},
		"no pack":                    {[]byte(strings.Repeat("x", 100)), ErrDamaged},
		"flipped":                    {flipped, ErrDamaged},
		"cut":                        {good[:len(good)-1], ErrDamaged},
		"with a tail":                {append(bytes.Clone(good), 'x'), ErrDamaged},
		"two packs":                  {append(bytes.Clone(good), good...), ErrDamaged},
		"says fewer":                 {rawPack{entries: [][]byte{x, rawEntry(kindBlob, 1, nil, "a")}, count: 1}.bytes(), ErrDamaged},
		"says more":                  {rawPack{entries: [][]byte{x}, count: 2}.bytes(), ErrDamaged},
		"says too many":              {rawPack{entries: [][]byte{x}, count: 1 << 30}.bytes(), ErrTooLarge},
		"too many bytes":             {rawPack{entries: [][]byte{bytes.Repeat([]byte{'x'}, 1<<20)}}.bytes(), ErrTooLarge},
		"an object twice":            {rawPack{entries: [][]byte{x, x}}.bytes(), ErrMalformed},
		"longer than it says":        {rawPack{entries: [][]byte{rawEntry(kindBlob, 4, nil, "hello")}}.bytes(), ErrDamaged},
		"shorter than it says":       {rawPack{entries: [][]byte{rawEntry(kindBlob, 6, nil, "hello")}}.bytes(), ErrDamaged},
		"a huge object":              {rawPack{entries: [][]byte{rawEntry(kindBlob, 1<<30, nil, "hello")}}.bytes(), ErrTooLarge},
		"an absurd object":           {rawPack{entries: [][]byte{{0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}}}.bytes(), ErrTooLarge},
		"zlib bomb":                  {rawPack{entries: [][]byte{rawEntry(kindBlob, 5, nil, strings.Repeat("\x00", 4<<20))}}.bytes(), ErrDamaged},
		"no zlib":                    {rawPack{entries: [][]byte{append(entryHeader(nil, kindBlob, 5), "hello"...)}}.bytes(), ErrDamaged},
		"kind 0":                     {rawPack{entries: [][]byte{rawEntry(0, 5, nil, "hello")}}.bytes(), ErrDamaged},
		"kind 5":                     {rawPack{entries: [][]byte{rawEntry(5, 5, nil, "hello")}}.bytes(), ErrDamaged},
		"base in the header":         {rawPack{entries: [][]byte{x, rawEntry(kindOffsetDelta, 4, backBytes(200), deltaTo(5, 1, 1, 'a'))}}.bytes(), ErrDamaged},
		"base between":               {rawPack{entries: [][]byte{x, rawEntry(kindOffsetDelta, 4, backBytes(3), deltaTo(5, 1, 1, 'a'))}}.bytes(), ErrDamaged},
		"its own base":               {rawPack{entries: [][]byte{x, rawEntry(kindOffsetDelta, 4, []byte{0}, deltaTo(5, 1, 1, 'a'))}}.bytes(), ErrDamaged},
		"base elsewhere":             {rawPack{entries: [][]byte{rawEntry(kindRefDelta, 4, name("elsewhere"), deltaTo(9, 1, 1, 'a'))}}.bytes(), ErrDamaged},
		"base after":                 {rawPack{entries: [][]byte{rawEntry(kindRefDelta, 4, name("hello"), deltaTo(5, 1, 1, 'a')), x}}.bytes(), nil},
		"delta of another base":      {rawPack{entries: [][]byte{x, rawEntry(kindRefDelta, 4, name("hello"), deltaTo(6, 1, 1, 'a'))}}.bytes(), ErrDamaged},
		"delta of nothing":           {rawPack{entries: [][]byte{x, rawEntry(kindRefDelta, 0, name("hello"), "")}}.bytes(), ErrDamaged},
		"delta without end":          {rawPack{entries: [][]byte{x, rawEntry(kindRefDelta, 3, name("hello"), deltaTo(5, 9, 9))}}.bytes(), ErrDamaged},
		"delta with a zero":          {rawPack{entries: [][]byte{x, rawEntry(kindRefDelta, 3, name("hello"), deltaTo(5, 1, 0))}}.bytes(), ErrDamaged},
		"delta that stops":           {rawPack{entries: [][]byte{x, rawEntry(kindRefDelta, 4, name("hello"), deltaTo(5, 2, 1, 'a'))}}.bytes(), ErrDamaged},
		"delta that goes on":         {rawPack{entries: [][]byte{x, rawEntry(kindRefDelta, 6, name("hello"), deltaTo(5, 1, 1, 'a', 1, 'b'))}}.bytes(), ErrDamaged},
		"delta copies from outside":  {rawPack{entries: [][]byte{x, rawEntry(kindRefDelta, 5, name("hello"), deltaTo(5, 6, 0x91, 1, 5))}}.bytes(), ErrDamaged},
		"delta copies 64k of 5":      {rawPack{entries: [][]byte{x, rawEntry(kindRefDelta, 5, name("hello"), deltaTo(5, 1<<16, 0x80))}}.bytes(), ErrDamaged},
		"delta that says it is huge": {rawPack{entries: [][]byte{x, rawEntry(kindRefDelta, 8, name("hello"), deltaTo(5, 1<<30, 0x90, 5))}}.bytes(), ErrTooLarge},
		"a long chain":               {rawPack{entries: chain[:deltaDepth]}.bytes(), nil},
		"many small into much":       {rawPack{entries: bomb}.bytes(), ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if err := importPack(t, c.pack, smallLimits()); !errors.Is(err, c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestADeepChainOfDeltasIsRefused reads the last object of a chain in a pack
// with an index, where nothing before it is in the cache.
func TestADeepChainOfDeltasIsRefused(t *testing.T) {
	r := testRepo(t)
	w, err := newPackWriter(r.disk, r.store.packFolder(), deltaDepth+3)
	if err != nil {
		t.Fatal(err)
	}
	content := "hello"
	last := BlobHash([]byte(content))
	if err := w.add(last, kindBlob, []byte(content)); err != nil {
		t.Fatal(err)
	}
	previous := int64(packHeader)
	for i := range deltaDepth + 2 {
		next := content + fmt.Sprint(i)
		d := makeDelta([]byte(content), []byte(next))
		entry := rawEntry(kindOffsetDelta, len(d), backBytes(w.offset-previous), string(d))
		previous, content = w.offset, next
		last = BlobHash([]byte(content))
		if err := w.addRaw(last, entry); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.finish(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Blob(last); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

func TestLimitsOfAPackHoldOneByOne(t *testing.T) {
	var entries [][]byte
	for i := range 10 {
		content := fmt.Sprintf("%01000d", i)
		entries = append(entries, rawEntry(kindBlob, len(content), nil, content))
	}
	pack := rawPack{entries: entries}.bytes()
	path := filepath.Join(t.TempDir(), "pack")
	write(t, path, string(pack))
	for name, lower := range map[string]func(*Limits){
		"bytes":   func(l *Limits) { l.Bytes = int64(len(pack)) - 1 },
		"objects": func(l *Limits) { l.Objects = 9 },
		"object":  func(l *Limits) { l.Object = 999 },
		"work":    func(l *Limits) { l.Work = 9999 },
	} {
		limits := Limits{Bytes: int64(len(pack)), Objects: 10, Object: 1000, Work: 10000}
		if _, _, err := indexPack(t.Context(), newStore(t.TempDir()), path, limits); err != nil {
			t.Errorf("within all limits: %v", err)
		}
		lower(&limits)
		if _, _, err := indexPack(t.Context(), newStore(t.TempDir()), path, limits); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnIndexedPackIsBoundedToo is for a pack that came with an index, from
// native git: nothing was checked when it came.
func TestAnIndexedPackIsBoundedToo(t *testing.T) {
	r := testRepo(t)
	w, err := newPackWriter(r.disk, r.store.packFolder(), 3)
	if err != nil {
		t.Fatal(err)
	}
	large := make([]byte, objectLimit+1)
	absurd := append(entryHeader(nil, kindBlob, 1<<39), deflated("x")...)
	long := append(entryHeader(nil, kindCommit, commitLimit+1), deflated(strings.Repeat("x", commitLimit+1))...)
	if err := errors.Join(w.add(BlobHash(large), kindBlob, large), w.addRaw(Hash{1}, absurd), w.addRaw(Hash{2}, long)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.finish(); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{second(r.Blob(BlobHash(large))), second(r.Blob(Hash{1})), second(r.Commit(Hash{2}))} {
		if !errors.Is(err, ErrTooLarge) {
			t.Error(err)
		}
	}
}

func TestAnEndlessPackIsCutOff(t *testing.T) {
	r := testRepo(t)
	q := quarantine(t, r)
	defer q.Discard()
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Skip(err)
	}
	defer zero.Close()
	if _, err := q.ImportPack(t.Context(), zero, smallLimits()); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stopped")
	slow := io.MultiReader(strings.NewReader("PACK"), readerFunc(func(p []byte) (int, error) {
		cancel(stop)
		return 1, nil
	}))
	if _, err := q.ImportPack(ctx, slow, DefaultLimits()); !errors.Is(err, stop) {
		t.Error(err)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func FuzzPack(f *testing.F) {
	x := rawEntry(kindBlob, 5, nil, "hello")
	h := BlobHash([]byte("hello"))
	f.Add(rawPack{entries: [][]byte{x}}.bytes())
	f.Add(rawPack{entries: [][]byte{x, rawEntry(kindOffsetDelta, 5, backBytes(int64(len(x))), deltaTo(5, 6, 0x90, 5, 1, 'x'))}}.bytes())
	f.Add(rawPack{entries: [][]byte{rawEntry(kindRefDelta, 5, h[:], deltaTo(5, 3, 0x91, 1, 3)), x}}.bytes())
	path := filepath.Join(f.TempDir(), "pack")
	f.Fuzz(func(t *testing.T, pack []byte) {
		if len(pack) < packTrailer {
			return
		}
		// The checksum is made right, for otherwise nothing behind it is reached.
		sum := sha1.Sum(pack[:len(pack)-packTrailer])
		copy(pack[len(pack)-packTrailer:], sum[:])
		if err := os.WriteFile(path, pack, 0o600); err != nil {
			t.Fatal(err)
		}
		objects, trailer, err := indexPack(t.Context(), newStore(t.TempDir()), path, smallLimits())
		if err != nil {
			return
		}
		checkIndexed(t, path, objects, trailer)
	})
}

// checkIndexed reads every object of an accepted pack through its index.
func checkIndexed(t *testing.T, path string, objects []packed, trailer []byte) {
	t.Helper()
	folder := t.TempDir()
	stem := filepath.Join(folder, "pack", "pack-1")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, stem+".pack", string(data))
	write(t, stem+".idx", string(formatIndex(objects, trailer)))
	s := newStore(folder)
	defer s.close()
	for _, o := range objects {
		if _, _, err := s.read(o.hash, objectLimit); err != nil {
			t.Errorf("object %v of an accepted pack: %v", o.hash, err)
		}
	}
}

func FuzzIndex(f *testing.F) {
	objects := []packed{{Hash{1}, 12, 7}, {Hash{1, 2}, 1 << 33, 8}, {Hash{0xff}, 99, 9}}
	f.Add(formatIndex(objects, make([]byte, 20)))
	f.Add(formatIndex(nil, make([]byte, 20)))
	path := filepath.Join(f.TempDir(), "idx")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := openIndex(path)
		if err != nil {
			return
		}
		defer x.close()
		for range indexEager + 1 {
			for _, h := range []Hash{{}, {1}, {1, 2}, {0xff}, {0xff, 0xff}} {
				x.find(h)
			}
		}
		for i := range x.count {
			if _, err := x.name(i); err != nil {
				t.Fatal(err)
			}
			x.offset(i)
		}
	})
}

func FuzzDelta(f *testing.F) {
	f.Add([]byte("hello"), []byte(deltaTo(5, 6, 0x90, 5, 1, 'x')))
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		out, err := applyDelta(base, delta, 1<<16)
		if err == nil && len(out) > 1<<16 {
			t.Errorf("%d bytes", len(out))
		}
		// And what we make ourselves is undone.
		back, err := applyDelta(base, makeDelta(base, delta), 1<<20)
		if err != nil || !bytes.Equal(back, delta) {
			t.Errorf("%q to %q: %q %v", base, delta, back, err)
		}
	})
}
