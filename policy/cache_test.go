package policy_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/policy/policytest"
)

func TestCacheGivesTheSamePolicy(t *testing.T) {
	p := crowd(t)
	files := p.Files()
	q, err := policy.Decode(p.Encode(), func(path string) ([]byte, error) { return files[path], nil })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p.Files(), q.Files()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(p.Members(), q.Members()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(p.Reach(), q.Reach()); diff != "" {
		t.Error(diff)
	}
	// What a later change meets is there too.
	dan := policytest.Member("another dan")
	dan.Handle = "dan"
	for name, m := range map[string]policy.Member{"fresh": policytest.Member("eve"), "taken": dan} {
		d1, d2 := p.Clone(), q.Clone()
		d1.PutMember(m)
		d2.PutMember(m)
		x, err1 := d1.Check()
		y, err2 := d2.Check()
		if (err1 == nil) != (err2 == nil) {
			t.Fatalf("%s: %v, from the cache %v", name, err1, err2)
		}
		if err1 == nil {
			if diff := cmp.Diff(x.Files(), y.Files()); diff != "" {
				t.Error(diff)
			}
			if err := policy.Transition(q, y); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCacheReadsMembersWhenTheyAreAskedFor(t *testing.T) {
	p := crowd(t)
	files := p.Files()
	read := map[string]int{}
	q, err := policy.Decode(p.Encode(), func(path string) ([]byte, error) {
		read[path]++
		return files[path], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m := p.Members()[0]
	if q.Level(m.ID, policy.Development) != p.Level(m.ID, policy.Development) || len(policy.Changed(q, q)) != 0 || len(read) != 0 {
		t.Errorf("read %v", read)
	}
	if diff := cmp.Diff(p.Members(), q.Members()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(files, q.Files()); diff != "" {
		t.Error(diff)
	}
	for path, n := range read {
		if n != 1 {
			t.Errorf("%s was read %d times", path, n)
		}
	}
}

// noFile reads no member's file.
func noFile(string) ([]byte, error) { return nil, errors.New("gone") }

func TestMemberThatCannotBeReadHasNoRights(t *testing.T) {
	p := crowd(t)
	q, err := policy.Decode(p.Encode(), noFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range q.Members() {
		if m.Active() {
			t.Errorf("%s is active", m.Handle)
		}
	}
	if _, err := policy.Parse(q.Files()); err == nil {
		t.Error("its files are a policy")
	}
}

func TestCutCacheIsRefused(t *testing.T) {
	data := policytest.Default(t).Encode()
	again, err := policy.Decode(data, noFile)
	if err != nil || !bytes.Equal(again.Encode(), data) {
		t.Fatalf("written again it differs: %v", err)
	}
	for n := 0; n < len(data); n += 97 {
		if _, err := policy.Decode(data[:n], noFile); !errors.Is(err, policy.ErrCache) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(policytest.Default(f).Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := policy.Decode(data, noFile); err == nil {
			p.Members()
			p.Reach()
			p.Encode()
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	sizes(b, func(b *testing.B, p *policy.Policy) {
		data := p.Encode()
		for b.Loop() {
			if _, err := policy.Decode(data, noFile); err != nil {
				b.Fatal(err)
			}
		}
	})
}
