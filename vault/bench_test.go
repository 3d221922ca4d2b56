//go:build unix

package vault_test

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

// loop runs f as b.Loop does, and reports the processor's time beside the clock's,
// which says little on a busy machine.
func loop(b *testing.B, f func()) {
	b.Helper()
	cpu := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	runtime.GC()
	start := cpu()
	for b.Loop() {
		f()
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N)/1e6, "cpu-ms/op")
}

// filled is a vault with n secrets in production.
func filled(b *testing.B, n int) (vaulttest.Machine, *vault.Vault) {
	b.Helper()
	ana := vaulttest.NewMachine(b)
	v := ana.Init(b)
	d := v.Draft()
	for i := range n {
		d.Set("production", fmt.Sprintf("SECRET_%05d", i), vaulttest.Secret("postgres://user:password@host/database"), vault.Meta{})
	}
	vaulttest.Commit(b, d)
	return ana, v
}

// staffed is a vault with n members besides its founder.
func staffed(b *testing.B, n int) (vaulttest.Machine, *vault.Vault) {
	b.Helper()
	ana := vaulttest.NewMachine(b)
	v := ana.Init(b)
	d := v.Draft()
	for i := range n {
		m := vaulttest.NewMachine(b)
		d.EditPolicy(team.Admit(team.Admission{
			Handle: fmt.Sprintf("member-%d", i), Kind: policy.Person, Roles: []string{policy.Developer}, Device: m.Device(b, v, "laptop"),
		}))
	}
	vaulttest.Commit(b, d)
	return ana, v
}

func BenchmarkImport10000(b *testing.B) {
	loop(b, func() {
		filled(b, 10000)
	})
}

func BenchmarkOpen10000(b *testing.B) {
	ana, v := filled(b, 10000)
	loop(b, func() {
		w, err := vault.Open(b.Context(), ana.Options(v.ID()))
		if err != nil {
			b.Fatal(err)
		}
		w.Close()
	})
}

func BenchmarkSetOneOf10000(b *testing.B) {
	ana, v := filled(b, 10000)
	ensure(b, v, "production")
	i := 0
	loop(b, func() {
		i++
		w, err := vault.Open(b.Context(), ana.Options(v.ID()))
		if err != nil {
			b.Fatal(err)
		}
		vaulttest.Set(b, w, "production", "SECRET_00042", fmt.Sprint(i))
		w.Close()
	})
}

func BenchmarkListOf10000(b *testing.B) {
	_, v := filled(b, 10000)
	loop(b, func() {
		if _, err := v.List(b.Context(), "production"); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkRevealAllOf10000(b *testing.B) {
	_, v := filled(b, 10000)
	loop(b, func() {
		vaulttest.Values(b, v, "production")
	})
}

func BenchmarkRotate10000(b *testing.B) {
	_, v := filled(b, 10000)
	loop(b, func() {
		d := v.Draft()
		d.Rotate(policy.KeyRef{Kind: policy.EnvironmentKey, Name: "production"})
		vaulttest.Commit(b, d)
	})
}

func BenchmarkRemoveOneOf50With1000Secrets(b *testing.B) {
	_, v := staffed(b, 50)
	for _, env := range []string{"development", "staging", "production"} {
		d := v.Draft()
		for i := range 1000 {
			d.Set(env, fmt.Sprintf("SECRET_%05d", i), vaulttest.Secret("postgres://user:password@host/database"), vault.Meta{})
		}
		vaulttest.Commit(b, d)
	}
	i := 0
	loop(b, func() {
		vaulttest.Edit(b, v, team.Remove(fmt.Sprintf("member-%d", i)))
		i++
	})
}

func BenchmarkAdmit(b *testing.B) {
	for _, n := range []int{5, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ana, v := staffed(b, n)
			i := 0
			var devices []policy.Device
			for range 60 {
				devices = append(devices, vaulttest.NewMachine(b).Device(b, v, "laptop"))
			}
			loop(b, func() {
				d := devices[i]
				w, err := vault.Open(b.Context(), ana.Options(v.ID()))
				if err != nil {
					b.Fatal(err)
				}
				i++
				vaulttest.Edit(b, w, team.Admit(team.Admission{Handle: fmt.Sprintf("new-%d", i), Kind: policy.Person, Roles: []string{policy.Developer}, Device: d}))
				w.Close()
			})
		})
	}
}

func BenchmarkReadAsMember(b *testing.B) {
	for _, n := range []int{5, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ana, v := staffed(b, n)
			vaulttest.Set(b, v, "development", "A", "one")
			loop(b, func() {
				w, err := vault.Open(b.Context(), ana.Options(v.ID()))
				if err != nil {
					b.Fatal(err)
				}
				vaulttest.Values(b, w, "development")
				w.Close()
			})
		})
	}
}
