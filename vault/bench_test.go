package vault_test

import (
	"fmt"
	"testing"

	"github.com/secr/secr/policy"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/team"
	"github.com/secr/secr/vault/vaulttest"
)

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
	for b.Loop() {
		filled(b, 10000)
	}
}

func BenchmarkOpen10000(b *testing.B) {
	ana, v := filled(b, 10000)
	for b.Loop() {
		w, err := vault.Open(b.Context(), ana.Options(v.ID()))
		if err != nil {
			b.Fatal(err)
		}
		w.Close()
	}
}

func BenchmarkSetOneOf10000(b *testing.B) {
	ana, v := filled(b, 10000)
	ensure(b, v, "production")
	i := 0
	for b.Loop() {
		i++
		w, err := vault.Open(b.Context(), ana.Options(v.ID()))
		if err != nil {
			b.Fatal(err)
		}
		vaulttest.Set(b, w, "production", "SECRET_00042", fmt.Sprint(i))
		w.Close()
	}
}

func BenchmarkListOf10000(b *testing.B) {
	_, v := filled(b, 10000)
	for b.Loop() {
		if _, err := v.List(b.Context(), "production"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRevealAllOf10000(b *testing.B) {
	_, v := filled(b, 10000)
	for b.Loop() {
		vaulttest.Values(b, v, "production")
	}
}

func BenchmarkRotate10000(b *testing.B) {
	_, v := filled(b, 10000)
	for b.Loop() {
		d := v.Draft()
		d.Rotate(policy.KeyRef{Kind: policy.EnvironmentKey, Name: "production"})
		vaulttest.Commit(b, d)
	}
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
	for b.Loop() {
		vaulttest.Edit(b, v, team.Remove(fmt.Sprintf("member-%d", i)))
		i++
	}
}

func BenchmarkAdmit(b *testing.B) {
	for _, n := range []int{5, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ana, v := staffed(b, n)
			i := 0
			for b.Loop() {
				b.StopTimer()
				d := vaulttest.NewMachine(b).Device(b, v, "laptop")
				b.StartTimer()
				w, err := vault.Open(b.Context(), ana.Options(v.ID()))
				if err != nil {
					b.Fatal(err)
				}
				i++
				vaulttest.Edit(b, w, team.Admit(team.Admission{Handle: fmt.Sprintf("new-%d", i), Kind: policy.Person, Roles: []string{policy.Developer}, Device: d}))
				w.Close()
			}
		})
	}
}

func BenchmarkReadAsMember(b *testing.B) {
	for _, n := range []int{5, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			ana, v := staffed(b, n)
			vaulttest.Set(b, v, "development", "A", "one")
			for b.Loop() {
				w, err := vault.Open(b.Context(), ana.Options(v.ID()))
				if err != nil {
					b.Fatal(err)
				}
				vaulttest.Values(b, w, "development")
				w.Close()
			}
		})
	}
}
