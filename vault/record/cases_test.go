package record_test

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/vault/record"
)

// cases makes vectors. first to third are three records of one secret: set in change
// 40, set again in change 41, deleted in change 42.
type cases struct {
	t                    testing.TB
	first, second, third []byte
}

func recordCases(t testing.TB) map[string]map[string]vector {
	c := cases{t: t}
	c.first = c.seal(record.Header{Kind: record.Set, Epoch: 3, Version: 1, Seq: 40, Since: 40}, "postgres://old")
	c.second = c.seal(record.Header{Kind: record.Set, Epoch: 3, Version: 2, Seq: 41, Since: 41, Before: hashes(c.first)}, "postgres://u:p@h/d")
	c.third = c.seal(record.Header{Kind: record.Delete, Epoch: 3, Version: 3, Seq: 42, Since: 42, Before: hashes(c.second)}, "")
	malformed := c.headers()
	for name, v := range c.inside() {
		malformed[name] = v
	}
	tampered := c.swaps()
	for name, v := range c.places() {
		tampered[name] = v
	}
	return map[string]map[string]vector{"ok": c.fine(), "malformed": malformed, "tampered": tampered}
}

func (c cases) seal(h record.Header, value string) []byte {
	c.t.Helper()
	in := input(c.t)
	in.Header, in.Value = h, keys.NewSecret([]byte(value))
	return sealed(c.t, in)
}

// of is a vector about a record in its right place and with the right keys.
func of(why string, data []byte) vector {
	w := place()
	return vector{
		Why: why, Record: hex.EncodeToString(data), Vault: w.Vault, Environment: w.Environment, ID: w.ID,
		NamesKey: strings.Repeat("01", 32), ValueKey: strings.Repeat("02", 32),
	}
}

// following is a vector about a record that comes to stand where before is.
func following(why string, data, before []byte, seq, epoch uint64) vector {
	v := of(why, data)
	v.At = &at{Seq: seq, Epoch: epoch, Before: hex.EncodeToString(before)}
	return v
}

func (c cases) fine() map[string]vector {
	h := func(kind record.Kind, state record.State, epoch, version, seq, since uint64, before []byte) record.Header {
		return record.Header{Kind: kind, State: state, Epoch: epoch, Version: version, Seq: seq, Since: since, Before: hashes(before)}
	}
	out := map[string]vector{
		"first":    following("a secret's first value", c.first, nil, 40, 3),
		"second":   following("another value", c.second, c.first, 41, 3),
		"delete":   following("a tombstone keeps the label", c.third, c.second, 42, 3),
		"again":    following("a value after a tombstone goes on counting", c.seal(h(record.Set, "", 3, 4, 50, 50, c.third), "x"), c.third, 50, 3),
		"label":    following("another label is another version of the same value", c.seal(h(record.Relabel, "", 3, 3, 50, 41, c.second), "postgres://u:p@h/d"), c.second, 50, 3),
		"reseal":   following("the same version under the next key", c.seal(h(record.Reseal, record.Live, 4, 2, 50, 41, c.second), "postgres://u:p@h/d"), c.second, 50, 4),
		"reseal-1": following("a first version, too", c.seal(h(record.Reseal, record.Live, 4, 1, 50, 40, c.first), "postgres://old"), c.first, 50, 4),
		"reseal-tombstone": following("tombstones are sealed again for their labels", c.seal(h(record.Reseal, record.Deleted, 4, 3, 50, 42, c.third), ""),
			c.third, 50, 4),
		"set-later-epoch": following("a value under a later key than the record before", c.seal(h(record.Set, "", 5, 3, 50, 50, c.second), "x"), c.second, 50, 5),
		"empty":           of("an empty value is padded like any other", c.seal(record.Header{Kind: record.Set, Epoch: 1, Version: 1, Seq: 1, Since: 1}, "")),
		"largest-numbers": of("the largest numbers", c.seal(record.Header{
			Kind: record.Set, Epoch: record.MaxEpoch, Version: record.MaxNumber, Seq: record.MaxNumber, Since: record.MaxNumber, Before: hashes(c.first),
		}, "x")),
	}
	in := input(c.t)
	in.Label = record.Label{
		Name: "A" + strings.Repeat("_9", 63) + "z", Kind: record.File, Note: strings.Repeat("\"", record.MaxNote),
		Expires: record.MaxExpires, RotateDays: record.MaxRotateDays, Tags: []string{},
	}
	for i := range record.MaxTags {
		in.Label.Tags = append(in.Label.Tags, strings.Repeat(string(rune('a'+i)), record.MaxTag))
	}
	out["largest-label"] = of("a label at all its limits", sealed(c.t, in))
	in.Label = record.Label{Name: "_", Kind: record.Variable, Tags: []string{}}
	out["smallest-label"] = of("a label with nothing but a name", sealed(c.t, in))
	return out
}

// edit replaces text in the header of the second record.
func (c cases) edit(why, old, with string) vector {
	c.t.Helper()
	if !bytes.Contains(c.second, []byte(old)) {
		c.t.Fatalf("no %q", old)
	}
	return of(why, bytes.Replace(c.second, []byte(old), []byte(with), 1))
}

// headers are about the clear part.
func (c cases) headers() map[string]vector {
	before := "before " + hashes(c.first).String()
	out := map[string]vector{
		"empty":              of("no bytes", nil),
		"header-cut":         of("half a header", c.second[:60]),
		"value-cut":          of("a byte too few", c.second[:len(c.second)-1]),
		"value-longer":       of("a byte too many", append(bytes.Clone(c.second), 0)),
		"magic":              c.edit("another first line", "secr/1 secret", "secr/1 Secret"),
		"magic-version":      c.edit("a record of another format", "secr/1", "secr/2"),
		"byte-order-mark":    of("a byte order mark", append([]byte("\xef\xbb\xbf"), c.second...)),
		"crlf":               c.edit("other line ends", "kind set\n", "kind set\r\n"),
		"no-empty-line":      c.edit("no empty line", "\n\n", "\n"),
		"two-empty-lines":    c.edit("two empty lines", "\n\n", "\n\n\n"),
		"line-missing":       c.edit("a line is missing", "since 41\n", ""),
		"line-twice":         c.edit("a line is there twice", "seq 41\n", "seq 41\nseq 41\n"),
		"line-unknown":       c.edit("an unknown line", "seq 41\n", "seq 41\nauthor ana\n"),
		"line-order":         c.edit("lines in another order", "version 2\nseq 41\n", "seq 41\nversion 2\n"),
		"line-case":          c.edit("a line in another case", "seq 41", "Seq 41"),
		"line-two-spaces":    c.edit("two spaces", "seq 41", "seq  41"),
		"line-tab":           c.edit("a tab", "seq 41", "seq\t41"),
		"line-end-space":     c.edit("a space at the end", "seq 41\n", "seq 41 \n"),
		"line-no-value":      c.edit("no value", "seq 41\n", "seq \n"),
		"line-no-space":      c.edit("no space", "seq 41\n", "seq\n"),
		"line-long":          c.edit("a line without end", "seq 41\n", "seq "+strings.Repeat("4", 5000)+"\n"),
		"line-nul":           c.edit("a NUL", "kind set", "kind set\x00"),
		"number-zeros":       c.edit("a leading zero", "seq 41", "seq 041"),
		"number-plus":        c.edit("a plus", "seq 41", "seq +41"),
		"number-minus":       c.edit("a negative number", "seq 41", "seq -41"),
		"number-hex":         c.edit("another base", "seq 41", "seq 0x29"),
		"number-underscore":  c.edit("a digit separator", "seq 41", "seq 4_1"),
		"number-unicode":     c.edit("other digits", "seq 41", "seq ４1"),
		"number-large":       c.edit("above the largest number", "version 2", "version 9007199254740992"),
		"number-overflow":    c.edit("above 64 bits", "version 2", "version 18446744073709551618"),
		"epoch-0":            c.edit("epochs begin at 1", "epoch 3", "epoch 0"),
		"epoch-limit":        c.edit("the last epoch is 4096", "epoch 3", "epoch 4097"),
		"version-0":          c.edit("versions begin at 1", "version 2", "version 0"),
		"seq-0":              c.edit("changes begin at 1", "seq 41\nsince 41", "seq 0\nsince 0"),
		"kind-unknown":       c.edit("an unknown kind", "kind set", "kind put"),
		"kind-empty":         c.edit("no kind", "kind set", "kind "),
		"state-unknown":      c.edit("an unknown state", "state live", "state gone"),
		"set-deleted":        c.edit("a set leaves a value", "state live", "state deleted"),
		"set-since":          c.edit("a set's value is its own", "since 41", "since 40"),
		"delete-live":        c.edit("a delete leaves none", "kind set", "kind delete"),
		"label-since":        c.edit("a label's value is older", "kind set", "kind label"),
		"reseal-since":       c.edit("a reseal's value is older", "kind set", "kind reseal"),
		"since-future":       c.edit("a value from a later change", "kind set\nstate live\nepoch 3\nversion 2\nseq 41\nsince 41", "kind reseal\nstate live\nepoch 3\nversion 2\nseq 41\nsince 42"),
		"first-with-before":  c.edit("the first version replaces nothing", "version 2", "version 1"),
		"second-without":     c.edit("the second replaces something", before, "before none"),
		"label-first":        c.edit("a label is never the first", "kind set\nstate live\nepoch 3\nversion 2\nseq 41\nsince 41", "kind label\nstate live\nepoch 3\nversion 1\nseq 41\nsince 40"),
		"reseal-without":     c.edit("a reseal replaces something", "kind set\nstate live\nepoch 3\nversion 2\nseq 41\nsince 41\n"+before, "kind reseal\nstate live\nepoch 3\nversion 1\nseq 41\nsince 40\nbefore none"),
		"before-case":        c.edit("hashes in upper case", before, "before "+strings.ToUpper(before[7:])),
		"before-one":         c.edit("one hash of two", before, before[:47]),
		"before-short":       c.edit("a hash too short", before, before[:len(before)-1]),
		"before-two-spaces":  c.edit("two spaces between the hashes", before, before[:47]+" "+before[47:]),
		"before-none-case":   c.edit("none in another case", before, "before None"),
		"length-label-0":     c.edit("there is always a label", "label 204", "label 0"),
		"length-label-other": c.edit("a length that no padding gives", "label 204", "label 203"),
		"length-label-large": c.edit("a label longer than the longest", "label 204", "label 5148"),
		"length-value-0":     c.edit("a live secret has a value", "value 92", "value 0"),
		"length-value-other": c.edit("a length that no padding gives", "value 92", "value 91"),
		"length-value-large": c.edit("a value longer than the longest", "value 92", "value 1114140"),
	}
	// The same with bytes that go with the stated lengths.
	head := bytes.SplitAfter(c.second, []byte("\n\n"))[0]
	stated := func(why string, label, value int, edits ...string) vector {
		c.t.Helper()
		pairs := append([]string{"label 204", "label " + strconv.Itoa(label), "value 92", "value " + strconv.Itoa(value)}, edits...)
		return of(why, append([]byte(strings.NewReplacer(pairs...).Replace(string(head))), make([]byte, label+value)...))
	}
	out["stated-label-0"] = stated("no label, and none stated", 0, 92)
	out["stated-label-short"] = stated("a label shorter than padding gives", 91, 92)
	out["stated-label-odd"] = stated("a label's length that no padding gives", 203, 92)
	out["stated-label-large"] = stated("a label longer than the longest", 5120+28, 92)
	out["stated-value-0"] = stated("a live secret without a value", 204, 0)
	out["stated-value-short"] = stated("a value shorter than padding gives", 204, 91)
	out["stated-value-odd"] = stated("a value's length that no padding gives", 204, 203)
	out["stated-set-deleted"] = stated("a set that leaves nothing", 204, 0, "state live", "state deleted")
	out["stated-label-deleted"] = stated("a label that leaves nothing", 204, 0, "kind set\nstate live", "kind label\nstate deleted", "since 41", "since 40")
	out["stated-kind"] = stated("an unknown kind that says all else right", 204, 92, "kind set", "kind put", "since 41", "since 40")
	out["delete-value"] = of("a tombstone with a value", bytes.Replace(append(bytes.Clone(c.third), make([]byte, 92)...), []byte("value 0"), []byte("value 92"), 1))
	return out
}

// by seals given plaintexts under a right header, as a writer who breaks the format
// could.
func (c cases) by(why string, paddedLabel, paddedValue []byte) vector {
	c.t.Helper()
	head := bytes.SplitAfter(c.second, []byte("\n\n"))[0]
	head = bytes.Replace(head, []byte("label 204"), []byte("label "+strconv.Itoa(len(paddedLabel)+28)), 1)
	head = bytes.Replace(head, []byte("value 92"), []byte("value "+strconv.Itoa(len(paddedValue)+28)), 1)
	ad := func(part string) []byte {
		w := place()
		out := []byte("secr/1 record\n")
		for _, x := range []string{w.Vault, w.Environment, w.ID, string(head), part} {
			out = append(out, keys.LP([]byte(x))...)
		}
		return out
	}
	data := append(bytes.Clone(head), keys.Seal(key(c.t, 1), ad("label"), paddedLabel)...)
	return of(why, append(data, keys.Seal(key(c.t, 2), ad("value"), paddedValue)...))
}

// inside are about what the sealed parts hold.
func (c cases) inside() map[string]vector {
	value := keys.Pad([]byte("x"))
	good := "{\n  \"name\": \"A\",\n  \"kind\": \"variable\",\n  \"note\": \"\",\n  \"expires\": 0,\n  \"rotate_days\": 0,\n  \"tags\": []\n}\n"
	label := func(why, old, with string) vector {
		if !strings.Contains(good, old) {
			c.t.Fatalf("no %q", old)
		}
		return c.by(why, keys.Pad([]byte(strings.Replace(good, old, with, 1))), value)
	}
	padding := keys.Pad([]byte(good))
	padding[len(padding)-1] = 1
	short := bytes.Clone(value)
	short[3] = 61
	return map[string]vector{
		"label-name":          label("a name that is none", `"A"`, `"A-B"`),
		"label-name-empty":    label("no name", `"A"`, `""`),
		"label-name-digit":    label("a name that begins with a digit", `"A"`, `"1A"`),
		"label-name-long":     label("a name of 129 bytes", `"A"`, `"`+strings.Repeat("A", 129)+`"`),
		"label-kind":          label("an unknown kind", `"variable"`, `"constant"`),
		"label-note-long":     label("a note of 1025 bytes", `"note": ""`, `"note": "`+strings.Repeat("n", 1025)+`"`),
		"label-note-escape":   label("a terminal's escape in a note", `"note": ""`, `"note": "\u001b]8;;"`),
		"label-note-newline":  label("a newline in a note", `"note": ""`, `"note": "a\nb"`),
		"label-expires":       label("a time before 1970", `"expires": 0`, `"expires": -1`),
		"label-expires-late":  label("a time after 9999", `"expires": 0`, `"expires": 253402300800`),
		"label-rotate":        label("days below zero", `"rotate_days": 0`, `"rotate_days": -1`),
		"label-rotate-limit":  label("days above the limit", `"rotate_days": 0`, `"rotate_days": 36501`),
		"label-tags-order":    label("tags that are not sorted", `[]`, "[\n    \"b\",\n    \"a\"\n  ]"),
		"label-tags-twice":    label("a tag twice", `[]`, "[\n    \"a\",\n    \"a\"\n  ]"),
		"label-tag-case":      label("a tag in upper case", `[]`, "[\n    \"A\"\n  ]"),
		"label-tag-empty":     label("an empty tag", `[]`, "[\n    \"\"\n  ]"),
		"label-tag-long":      label("a tag of 33 bytes", `[]`, "[\n    \""+strings.Repeat("a", 33)+"\"\n  ]"),
		"label-tags-null":     label("null for an empty list", `[]`, `null`),
		"label-unknown-field": label("an unknown field", `"kind"`, "\"value\": 1,\n  \"kind\""),
		"label-twice":         label("a name twice, the second one to win", `"kind"`, "\"name\": \"A\",\n  \"kind\""),
		"label-spelling":      label("another spelling", `"A"`, `"\u0041"`),
		"label-no-json":       c.by("no JSON", keys.Pad([]byte("A=1")), value),
		"label-padding":       c.by("padding that is not zeros", padding, value),
		"value-padding-short": c.by("a length that needs more padding", keys.Pad([]byte(good)), short),
	}
}

// swaps are sealed parts in another place or under another header.
func (c cases) swaps() map[string]vector {
	set := func(v vector, edit func(v *vector)) vector {
		edit(&v)
		return v
	}
	parts := func(data []byte) (head, label, value []byte) {
		r, err := record.Parse(data)
		if err != nil {
			c.t.Fatal(err)
		}
		n := len(data) - r.Header.Label - r.Header.Value
		return data[:n], data[n : n+r.Header.Label], data[n+r.Header.Label:]
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	_, oldLabel, oldValue := parts(c.first)
	head, label, value := parts(c.second)
	twin := c.by("", keys.Pad([]byte("x")), keys.Pad([]byte("y")))
	twinHead, twinLabel, twinValue := parts(unhex(c.t, twin.Record))
	flipped := bytes.Clone(c.second)
	flipped[len(flipped)-20] ^= 1
	nonce := bytes.Clone(c.second)
	nonce[len(head)] ^= 1
	return map[string]vector{
		"other-vault":       set(of("a record of another vault", c.second), func(v *vector) { v.Vault = "aaaaaaaaaaaaaaaaaaaaaaaaaa" }),
		"other-environment": set(of("a record of another environment with the same keys", c.second), func(v *vector) { v.Environment = "production" }),
		"other-secret":      set(of("a record of another secret", c.second), func(v *vector) { v.ID = strings.Repeat("ab", 20) }),
		"other-names-key":   set(of("the names key of another epoch", c.second), func(v *vector) { v.NamesKey = strings.Repeat("03", 32) }),
		"other-value-key":   set(of("the value key of another epoch", c.second), func(v *vector) { v.ValueKey = strings.Repeat("03", 32) }),
		"keys-swapped":      set(of("keys for one another", c.second), func(v *vector) { v.NamesKey, v.ValueKey = v.ValueKey, v.NamesKey }),
		"old-label":         of("the label of the version before", join(head, oldLabel, value)),
		"old-value":         of("the value of the version before", join(head, label, oldValue)),
		"old-parts":         of("both, under the new header", join(head, oldLabel, oldValue)),
		"parts-swapped":     of("label and value for one another", join(twinHead, twinValue, twinLabel)),
		"value-as-label":    of("the value twice", join(twinHead, twinValue, twinValue)),
		"value-bit":         of("a bit of the tag", flipped),
		"nonce-bit":         of("a bit of the nonce", nonce),
		"header-epoch":      c.edit("another epoch in the header", "epoch 3", "epoch 4"),
		"header-version":    c.edit("another version in the header", "version 2", "version 3"),
		"header-seq":        c.edit("another change in the header", "seq 41\nsince 41", "seq 42\nsince 42"),
		"header-kind":       c.edit("a set that is said to be a reseal", "kind set\nstate live\nepoch 3\nversion 2\nseq 41\nsince 41", "kind reseal\nstate live\nepoch 3\nversion 2\nseq 41\nsince 40"),
		"header-before":     c.edit("another record before", hashes(c.first).String(), hashes(c.third).String()),
		"header-tombstone": of("a value that is said to be deleted", join(
			bytes.Replace(bytes.Replace(bytes.Replace(head, []byte("kind set"), []byte("kind delete"), 1), []byte("live"), []byte("deleted"), 1), []byte("value 92"), []byte("value 0"), 1),
			label)),
		"header-lengths": c.edit("lengths with the right sum", "label 204\nvalue 92", "label 92\nvalue 204"),
	}
}

// places are right records where they may not stand.
func (c cases) places() map[string]vector {
	h := func(kind record.Kind, state record.State, epoch, version, seq, since uint64, before []byte) []byte {
		return c.seal(record.Header{Kind: kind, State: state, Epoch: epoch, Version: version, Seq: seq, Since: since, Before: hashes(before)}, "x")
	}
	return map[string]vector{
		"replayed":            following("a record of an earlier change put back", c.first, c.second, 42, 3),
		"replayed-seq":        following("a record for another change", c.second, c.first, 42, 3),
		"not-the-epoch":       following("sealed under an earlier epoch than the environment's", c.second, c.first, 41, 4),
		"nothing-before":      following("a first record where one is", h(record.Set, "", 3, 1, 42, 42, nil), c.second, 42, 3),
		"something-before":    following("a second record where none is", c.second, nil, 41, 3),
		"skips-one":           following("a record that does not replace the one that is there", h(record.Set, "", 3, 3, 42, 42, c.first), c.second, 42, 3),
		"version-jumps":       following("a version left out", h(record.Set, "", 3, 4, 42, 42, c.second), c.second, 42, 3),
		"version-stays":       following("the same version again", h(record.Set, "", 3, 2, 42, 42, c.second), c.second, 42, 3),
		"version-first":       following("a first record with a high version", h(record.Relabel, "", 3, 2, 42, 41, c.second), nil, 42, 3),
		"label-since":         following("a label that makes its value younger", h(record.Relabel, "", 3, 3, 50, 45, c.second), c.second, 50, 3),
		"label-of-tombstone":  following("a label for a deleted secret", h(record.Relabel, "", 3, 4, 50, 42, c.third), c.third, 50, 3),
		"label-version":       following("a label without a version", h(record.Relabel, "", 3, 2, 50, 41, c.second), c.second, 50, 3),
		"delete-of-tombstone": following("a deleted secret deleted again", h(record.Delete, "", 3, 4, 50, 50, c.third), c.third, 50, 3),
		"reseal-same-epoch":   following("a reseal that turns nothing", h(record.Reseal, record.Live, 3, 2, 50, 41, c.second), c.second, 50, 3),
		"reseal-version":      following("a reseal that counts as a version", h(record.Reseal, record.Live, 4, 3, 50, 41, c.second), c.second, 50, 4),
		"reseal-since":        following("a reseal that makes its value older", h(record.Reseal, record.Live, 4, 2, 50, 40, c.second), c.second, 50, 4),
		"reseal-revives":      following("a reseal that gives a deleted secret a value", h(record.Reseal, record.Live, 4, 3, 50, 42, c.third), c.third, 50, 4),
		"reseal-deletes":      following("a reseal that takes the value", h(record.Reseal, record.Deleted, 4, 2, 50, 41, c.second), c.second, 50, 4),
		"epoch-back":          following("a lower epoch than the record before", h(record.Set, "", 2, 3, 50, 50, c.second), c.second, 50, 2),
	}
}
