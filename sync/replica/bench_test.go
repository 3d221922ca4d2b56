package replica_test

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault"
)

// grown is a shared vault of some secrets and changes, and two machines that have it.
// SECR_BENCH_CHANGES makes it larger.
func grown(b *testing.B) (ana, ben *client) {
	b.Helper()
	l := newLab(b)
	ana = l.found()
	ana.native()
	ana.deciding(nil)
	d := ana.v.Draft()
	for i := range 1000 {
		d.Set(policy.Development, fmt.Sprintf("S%d", i), keys.NewSecret([]byte("value")), vault.Meta{})
	}
	ana.commit(d)
	for i := range size(b, "SECR_BENCH_CHANGES", 300) {
		ana.set(fmt.Sprintf("S%d", i%1000), fmt.Sprint(i))
	}
	ana.sync()
	return ana, ana.join("ben", policy.Developer)
}

// against is what plain git takes for the same, from a repository of its own.
func against(b *testing.B, args ...string) {
	b.Helper()
	cmd := exec.Command(remotetest.Git(b), args...)
	cmd.Env = remotetest.Env(b)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("git %q: %v\n%s", args, err, out)
	}
}

func BenchmarkSyncWithNothingToDo(b *testing.B) {
	ana, _ := grown(b)
	b.Run("secr", func(b *testing.B) {
		for b.Loop() {
			ana.sync()
		}
	})
	b.Run("git-fetch", func(b *testing.B) {
		for b.Loop() {
			against(b, "--git-dir="+ana.v.Repo().Dir(), "fetch", "--quiet", "--no-tags", ana.l.dir, replica.Branch)
		}
	})
}

func BenchmarkSyncOfOneChange(b *testing.B) {
	ana, ben := grown(b)
	ben.native()
	ben.deciding(nil)
	n := 0
	b.Run("secr-ahead", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			n++
			ana.set("S1", fmt.Sprint(n))
			b.StartTimer()
			ana.sync()
		}
	})
	ben.sync()
	b.Run("secr-both-moved", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			n++
			ana.set("S2", fmt.Sprint(n))
			ana.sync()
			ben.set("S3", fmt.Sprint(n))
			b.StartTimer()
			ben.sync()
			b.StopTimer()
			ana.sync()
			b.StartTimer()
		}
	})
	plain := b.TempDir() + "/plain.git"
	against(b, "clone", "--quiet", "--bare", ana.l.dir, plain)
	tip := ana.l.tip()
	b.Run("git-fetch-and-push", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			tip = remotetest.Commit(b, plain, tip, "noise", fmt.Sprint(n))
			n++
			b.StartTimer()
			against(b, "--git-dir="+plain, "fetch", "--quiet", "--no-tags", ana.l.dir, replica.Branch)
			against(b, "--git-dir="+plain, "push", "--quiet", ana.l.dir, tip+":refs/heads/plain")
		}
	})
}

func BenchmarkReplayOfManyChanges(b *testing.B) {
	ana, ben := grown(b)
	ben.native()
	ben.deciding(nil)
	many := size(b, "SECR_BENCH_MANY", 100)
	b.Run(fmt.Sprint("secr-", many), func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			ana.set("S2", fmt.Sprint(b.N))
			ana.sync()
			for i := range many {
				ben.set(fmt.Sprintf("S%d", 10+i%900), fmt.Sprint(b.N, i))
			}
			b.StartTimer()
			ben.sync()
			b.StopTimer()
			ana.sync()
			b.StartTimer()
		}
	})
}

func BenchmarkFirstClone(b *testing.B) {
	ana, _ := grown(b)
	b.Run("secr", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			m := ana.l.machineWith(ana.seed).native()
			b.StartTimer()
			m.clone()
		}
	})
	b.Run("git-clone", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			dir := fmt.Sprintf("%s/%d", b.TempDir(), i)
			against(b, "clone", "--quiet", "--bare", "file://"+ana.l.dir, dir)
			b.StopTimer()
			os.RemoveAll(dir)
			b.StartTimer()
		}
	})
}
