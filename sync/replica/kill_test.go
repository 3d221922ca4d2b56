package replica_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/policy"
	"github.com/secr/secr/sync/remote"
	"github.com/secr/secr/sync/remote/remotetest"
	"github.com/secr/secr/sync/replica"
	"github.com/secr/secr/vault"
	"github.com/secr/secr/vault/local"
)

// TestMain is also the program that the kill test kills.
func TestMain(m *testing.M) {
	if os.Getenv("SECR_TEST_CHILD") == "1" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child sets secrets and syncs until it is killed. It says when a change is made.
func child() error {
	home, err := local.NewHome(os.Getenv, os.Getenv("HOME"))
	if err != nil {
		return err
	}
	seed, err := hex.DecodeString(os.Getenv("SECR_TEST_SEED"))
	if err != nil {
		return err
	}
	s, err := keys.SeedFromBytes(seed)
	if err != nil {
		return err
	}
	ctx := context.Background()
	v, err := vault.Open(ctx, vault.Options{
		Home: home, ID: os.Getenv("SECR_TEST_VAULT"), Clock: time.Now,
		Seed: func(context.Context) (keys.Seed, error) { return s, nil },
	})
	if err != nil {
		return err
	}
	u, err := remote.Parse(os.Getenv("SECR_TEST_URL"), remote.FromUser, "")
	if err != nil {
		return err
	}
	var transport remote.Transport = remote.NewBuiltin(remote.BuiltinOptions{})
	if git := os.Getenv("SECR_TEST_GIT"); git != "" {
		transport = remote.NewNative(remote.NativeOptions{Git: git, Environ: os.Environ()})
	}
	r := replica.New(replica.Options{Vault: v, Transport: transport, URL: u, Clock: time.Now})
	if _, err := r.Sync(ctx); err != nil {
		return err
	}
	fmt.Println("synced")
	for i := 0; ; i++ {
		name := fmt.Sprintf("S_%s_%d", os.Getenv("SECR_TEST_RUN"), i)
		d := v.Draft()
		d.Set(policy.Development, name, keys.NewSecret([]byte(name)), vault.Meta{})
		if _, err := d.Commit(ctx, "a change"); err != nil {
			return err
		}
		fmt.Println("made", name)
		if _, err := r.Sync(ctx); err != nil {
			return err
		}
		fmt.Println("synced")
	}
}

// TestKillsDuringSyncLoseNothing kills a syncing process at random moments while another
// machine pushes too. SECR_TEST_KILLS makes it 100.
func TestKillsDuringSyncLoseNothing(t *testing.T) {
	kills := size(t, "SECR_TEST_KILLS", 8)
	l := newLab(t)
	ana := l.found()
	ben := ana.join("ben", policy.Developer)
	ana.sync()
	made := map[string]bool{}
	for run := range kills {
		other := fmt.Sprintf("O_%d", run)
		if err := ben.tryChange(other, "x"); err != nil {
			t.Fatal(err)
		}
		made[other] = true
		for _, name := range killOne(t, l, ana, run) {
			made[name] = true
		}
		if err := ana.v.Refresh(t.Context()); err != nil {
			t.Fatalf("after kill %d: %v", run, err)
		}
	}
	ana.sync()
	remotetest.Run(t, l.dir, "fsck", "--strict")
	remotetest.Run(t, ana.v.Repo().Dir(), "fsck", "--strict")
	ben.sync()
	values := ben.values()
	for name := range made {
		if _, ok := values[name]; !ok {
			t.Errorf("%s was made and is lost", name)
		}
	}
	if ana.v.Head() != ben.v.Head() {
		t.Error("the heads differ")
	}
}

// killOne runs a child until a random moment after its first sync, and returns what it
// said it had made.
func killOne(t *testing.T, l *lab, ana *client, run int) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(remotetest.Env(t), "SECR_TEST_CHILD=1", "SECR_HOME="+filepath.Dir(ana.home.Data),
		"SECR_TEST_SEED="+hex.EncodeToString(ana.seed.Reveal()), "SECR_TEST_VAULT="+ana.v.ID(), "SECR_TEST_URL="+l.url.String(),
		fmt.Sprint("SECR_TEST_RUN=", run))
	if run%2 == 1 {
		cmd.Env = append(cmd.Env, "SECR_TEST_GIT="+remotetest.Git(t))
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var made []string
	synced := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		name, isMade := strings.CutPrefix(lines.Text(), "made ")
		if isMade {
			made = append(made, name)
		}
		if !synced {
			synced = true
			time.AfterFunc(rand.N(150*time.Millisecond), func() { cmd.Process.Kill() })
		}
	}
	if err := cmd.Wait(); err == nil || !synced {
		t.Fatalf("the child ended by itself: %v\n%s", err, stderr.String())
	}
	return made
}
