package repo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/vault/local"
)

// roleVariable makes the test binary play a part in another process.
const roleVariable = "SECR_TEST_REPO_ROLE"

func TestMain(m *testing.M) {
	roles := map[string]func(args []string) error{"set": setForEver, "race": setMany, "read": readForEver}
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		if err := role(os.Args[1:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func play(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

// numbered is what the secrets are after so many sets of setForEver.
func numbered(seq int) map[string]string {
	secrets := map[string]string{}
	for i := 1; i <= seq; i++ {
		maps.Copy(secrets, numberedEdit(i))
	}
	return secrets
}

func numberedEdit(seq int) map[string]string {
	edit := map[string]string{fmt.Sprintf("%02d", seq%30): fmt.Sprint("value ", seq)}
	// Now and then a change that takes a while to write.
	if seq%7 == 0 {
		for i := range 60 {
			edit[fmt.Sprintf("%02dx%d", i%30, i)] = strings.Repeat(fmt.Sprint(seq, " "), 500)
		}
	}
	return edit
}

// setForEver sets numbered secrets and says so after each, until it is killed.
func setForEver(args []string) error {
	ctx := context.Background()
	v := &vaultlet{home: args[0]}
	seq, _, err := (&vaultlet{home: args[0], back: 1}).check()
	for err == nil {
		seq++
		if seq, err = v.set(ctx, numberedEdit(seq)); err == nil {
			fmt.Println(seq)
		}
	}
	return err
}

// TestKillAtAnyMomentLosesNothingAcknowledged kills a process that sets
// secrets, again and again on one vault: SECR_TEST_KILLS says how often.
func TestKillAtAnyMomentLosesNothingAcknowledged(t *testing.T) {
	kills, err := strconv.Atoi(os.Getenv("SECR_TEST_KILLS"))
	if err != nil {
		kills = 6
	}
	home := t.TempDir()
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	last := 0
	for kill := range kills {
		acked := setUntilKilled(t, home, time.Duration(random.IntN(100_000))*time.Microsecond)
		acked = max(acked, last)
		back := 40
		if kill == kills-1 {
			back = 0
		}
		seq, secrets, err := (&vaultlet{home: home, back: back}).check()
		if err != nil {
			t.Fatalf("kill %d, change %d acknowledged: %v", kill, acked, err)
		}
		if seq != acked && seq != acked+1 {
			t.Fatalf("kill %d: change %d was acknowledged, the head is %d", kill, acked, seq)
		}
		if d := cmp.Diff(numbered(seq), secrets); d != "" && seq > 0 {
			t.Fatalf("kill %d: %s", kill, d)
		}
		last = seq
	}
	v := &vaultlet{home: home}
	if _, err := v.set(t.Context(), numberedEdit(last+1)); err != nil {
		t.Fatal(err)
	}
	fsck(t, v.repo)
	if left, _ := filepath.Glob(filepath.Join(home, "data/*/repo.git/objects/pack/.secr-tmp-*")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// setUntilKilled kills a process some time after it has started, and returns
// the last change that it acknowledged, or 0.
func setUntilKilled(t *testing.T, home string, after time.Duration) int {
	t.Helper()
	cmd := play(t, "set", home)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	acked := 0
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Errorf("the process says: %s", lines.Text())
		}
		acked = n
	}
	cmd.Wait()
	return acked
}

// setMany sets secrets of its own.
func setMany(args []string) error {
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	for i := range n {
		// A fresh vaultlet each time, as a command would have.
		v := &vaultlet{home: args[0]}
		if _, err := v.set(context.Background(), map[string]string{fmt.Sprintf("%sx%d", args[1], i): args[1]}); err != nil {
			return err
		}
		v.repo.Close()
	}
	return nil
}

// readForEver reads the newest changes until its input ends. The secrets may
// only become more.
func readForEver(args []string) error {
	var done sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	done.Go(func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	})
	long := &vaultlet{home: args[0], back: 2}
	for most := 0; ctx.Err() == nil; {
		for _, v := range []*vaultlet{long, {home: args[0], back: 2}} {
			seq, secrets, err := v.check()
			if err != nil {
				return err
			}
			if len(secrets) != seq || seq < most {
				return fmt.Errorf("change %d after %d has %d secrets", seq, most, len(secrets))
			}
			most = seq
		}
	}
	done.Wait()
	return nil
}

// TestNoSetIsLostWhenManyProcessesSetAtOnce runs writers and readers side by
// side.
func TestNoSetIsLostWhenManyProcessesSetAtOnce(t *testing.T) {
	writers, sets := 4, 12
	if long() {
		writers, sets = 8, 50
	}
	home := t.TempDir()
	if _, err := (&vaultlet{home: home}).set(t.Context(), map[string]string{"00": "first"}); err != nil {
		t.Fatal(err)
	}
	stop := startReaders(t, home, 2)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			if out, err := play(t, "race", home, fmt.Sprintf("%02d", i), fmt.Sprint(sets)).CombinedOutput(); err != nil {
				t.Errorf("writer %d: %v: %s", i, err, out)
			}
		})
	}
	all.Wait()
	stop()
	v := &vaultlet{home: home}
	seq, secrets, err := v.check()
	if err != nil {
		t.Fatal(err)
	}
	if want := writers*sets + 1; seq != want || len(secrets) != want {
		t.Errorf("%d changes and %d secrets, not %d", seq, len(secrets), want)
	}
	fsck(t, v.repo)
}

// startReaders starts processes that read until stop is called, which checks
// that none of them ever failed.
func startReaders(t *testing.T, home string, n int) (stop func()) {
	t.Helper()
	var stops []func()
	for range n {
		cmd := play(t, "read", home)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stops = append(stops, func() {
			in.Close()
			if err := cmd.Wait(); err != nil {
				t.Errorf("a reader failed: %v: %s", err, out.String())
			}
		})
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}

// TestAVaultOnASmallDiskSurvivesItsEnd fills a real file system up with sets
// until nothing goes any more.
func TestAVaultOnASmallDiskSurvivesItsEnd(t *testing.T) {
	for _, size := range []string{"size=200k,nr_inodes=1000", "size=300k,nr_inodes=1000", "size=8m,nr_inodes=60", "size=8m,nr_inodes=61", "size=8m,nr_inodes=62"} {
		t.Run(size, func(t *testing.T) { fillUp(t, smallDisk(t, size)) })
	}
}

func fillUp(t *testing.T, home string) {
	v := &vaultlet{home: home}
	last, failed := 0, 0
	for i := 1; i < 2000 && failed < 5; i++ {
		seq, err := v.set(t.Context(), map[string]string{fmt.Sprintf("%02d", i%30): strings.Repeat(fmt.Sprint(i, " "), 300)})
		now, _, cerr := (&vaultlet{home: home, back: 3}).check()
		if cerr != nil {
			t.Fatalf("set %d (%v): %v", i, err, cerr)
		}
		switch {
		case err == nil:
			if last = seq; now != seq {
				t.Fatalf("change %d was acknowledged, the head is %d", seq, now)
			}
		case isFull(err):
			failed++
			if now < last || now > last+1 {
				t.Fatalf("the head went from %d to %d on a full disk", last, now)
			}
			last = now
		default:
			t.Fatal(err)
		}
	}
	if failed == 0 {
		t.Fatal("the disk was never full")
	}
	if _, _, err := (&vaultlet{home: home}).check(); err != nil {
		t.Fatal(err)
	}
	if v.repo != nil {
		fsck(t, v.repo)
	}
}

// TestASetWaitsForTheLockOnlySoLong is the stuck lock that names its holder.
func TestASetWaitsForTheLockOnlySoLong(t *testing.T) {
	v := &vaultlet{home: t.TempDir()}
	place, err := v.place()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := place.Lock(t.Context(), "import")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = v.set(ctx, map[string]string{"00": "x"})
	var locked *local.LockedError
	if !errors.As(err, &locked) || locked.Holder != (local.Holder{PID: os.Getpid(), Purpose: "import"}) {
		t.Error(err)
	}
}
