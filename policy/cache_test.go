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
	q, err := policy.Decode(p.Encode())
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

func TestCutCacheIsRefused(t *testing.T) {
	data := policytest.Default(t).Encode()
	again, err := policy.Decode(data)
	if err != nil || !bytes.Equal(again.Encode(), data) {
		t.Fatalf("written again it differs: %v", err)
	}
	for n := 0; n < len(data); n += 97 {
		if _, err := policy.Decode(data[:n]); !errors.Is(err, policy.ErrCache) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(policytest.Default(f).Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := policy.Decode(data); err == nil {
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
			if _, err := policy.Decode(data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
