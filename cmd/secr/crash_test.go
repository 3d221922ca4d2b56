//go:build unix

package main

import (
	"errors"
	"fmt"
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
)

// long reports whether tests should take their time.
func long() bool { return os.Getenv("SECR_TEST_LONG") == "1" }

// TestKilledAtAnyMomentSecrLosesNothingAcknowledged kills set, import and
// rotate-key at random moments, on one vault: SECR_TEST_KILLS says how often.
func TestKilledAtAnyMomentSecrLosesNothingAcknowledged(t *testing.T) {
	kills, err := strconv.Atoi(os.Getenv("SECR_TEST_KILLS"))
	if err != nil {
		kills = 8
	}
	m := newMachine(t, filepath.Join(t.TempDir(), "secr"))
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	now := map[string]string{}
	takes := 40 * time.Millisecond // what an operation takes here, about
	killed := 0
	for round := 1; killed < kills && round < 20*kills+100; round++ {
		next, args := m.operation(t, round, now)
		started := time.Now()
		if m.killAfter(t, args, time.Duration(random.Int64N(int64(takes)))) {
			killed++
			now = m.oldOrNew(t, args[0], now, next)
			continue
		}
		takes = min(time.Second, time.Since(started)*5/4)
		now = next
	}
	if killed < kills {
		t.Errorf("only %d processes were killed while they ran", killed)
	}
	if _, err := m.secr("set", "LAST=1"); err != nil {
		t.Fatal(err)
	}
	m.sound(t)
}

// operation is what to run in a round, and the values after it.
func (m *machine) operation(t *testing.T, round int, now map[string]string) (map[string]string, []string) {
	t.Helper()
	next := maps.Clone(now)
	switch {
	case round%9 == 0 && len(now) > 0:
		return next, []string{"rotate-key"}
	case round%3 == 0:
		var file strings.Builder
		for i := range 40 {
			name, value := fmt.Sprintf("IMPORTED_%d", i), fmt.Sprint("round ", round)
			next[name] = value
			fmt.Fprintf(&file, "%s=%q\n", name, value)
		}
		path := filepath.Join(m.project, "values.env")
		if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return next, []string{"import", path}
	}
	name := fmt.Sprintf("SET_%d", round%7)
	next[name] = fmt.Sprint(round)
	return next, []string{"set", name + "=" + next[name]}
}

// killAfter runs secr and kills it some time after it has started. It reports
// false if secr was done before.
func (m *machine) killAfter(t *testing.T, args []string, after time.Duration) bool {
	t.Helper()
	cmd := m.command(args...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Wait()
	if err != nil && exitCode(err) != -1 {
		t.Fatalf("secr %v: %v: %s", args, err, said.String())
	}
	return err != nil
}

// oldOrNew reads the values after a crash, which are those before or those
// after the operation.
func (m *machine) oldOrNew(t *testing.T, operation string, old, new map[string]string) map[string]string {
	t.Helper()
	got, err := m.values()
	if err != nil {
		t.Fatalf("after a killed %s: %v", operation, err)
	}
	notOld, notNew := cmp.Diff(old, got), cmp.Diff(new, got)
	if notOld != "" && notNew != "" {
		t.Fatalf("%s was killed, and the values are neither those before:\n%s\nnor those after:\n%s", operation, notOld, notNew)
	}
	return got
}

// TestManySecrsAtOnceLoseNothing runs writers beside each other and readers
// beside them.
func TestManySecrsAtOnceLoseNothing(t *testing.T) {
	writers, sets := 4, 5
	if long() {
		writers, sets = 8, 50
	}
	m := newMachine(t, filepath.Join(t.TempDir(), "secr"))
	if _, err := m.secr("set", "FIRST=1"); err != nil {
		t.Fatal(err)
	}
	start, err := m.head()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var reading, writing sync.WaitGroup
	for _, args := range [][]string{{"get", "FIRST"}, {"run", "--", "true"}, {"ls"}, {"export"}} {
		reading.Go(func() {
			for {
				if _, err := m.secr(args...); err != nil {
					t.Errorf("a reader failed: %v", err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	want := map[string]string{"FIRST": "1"}
	for w := range writers {
		for i := range sets {
			want[fmt.Sprintf("W%d_%d", w, i)] = fmt.Sprint(i)
		}
		writing.Go(func() {
			for i := range sets {
				if _, err := m.secr("set", fmt.Sprintf("W%d_%d=%d", w, i, i)); err != nil {
					t.Errorf("a writer failed: %v", err)
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	got, err := m.values()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if end, err := m.head(); err != nil || end != start+writers*sets {
		t.Errorf("change %d after %d and %d sets: %v", end, start, writers*sets, err)
	}
	m.sound(t)
}

// TestSecrOnAFullDiskKeepsWhatItAcknowledged fills a small file system up,
// and then makes it larger.
func TestSecrOnAFullDiskKeepsWhatItAcknowledged(t *testing.T) {
	for _, limit := range []string{"size=400k", "size=460k", "size=8m,nr_inodes=70"} {
		t.Run(limit, func(t *testing.T) {
			disk := smallDisk(t, limit)
			m := newMachine(t, filepath.Join(disk, "secr"))
			now, refused := map[string]string{}, 0
			for round := 1; refused < 4 && round < 2000; round++ {
				next := maps.Clone(now)
				args := []string{"set"}
				for i := range 10 {
					name := fmt.Sprintf("K%d_%d", round%8, i)
					next[name] = strings.Repeat(fmt.Sprint(round), 200)
					args = append(args, name+"="+next[name])
				}
				_, err := m.secr(args...)
				switch {
				case err == nil:
					now = next
				case exitCode(err) != 1 || !strings.Contains(err.Error(), "no space left"):
					t.Fatal(err)
				default:
					refused++
					now = m.oldOrNew(t, "set on a full disk", now, next)
				}
			}
			if refused == 0 {
				t.Fatal("the disk was never full")
			}
			moreSpace(t, disk)
			if _, err := m.secr("set", "LAST=1"); err != nil {
				t.Fatal(err)
			}
			m.sound(t)
		})
	}
}

// TestAStuckLockNamesItsHolder is a writer that meets one who never ends.
func TestAStuckLockNamesItsHolder(t *testing.T) {
	if !long() {
		t.Skip("it takes as long as a writer waits, a minute: SECR_TEST_LONG=1")
	}
	m := newMachine(t, filepath.Join(t.TempDir(), "secr"))
	locks, err := filepath.Glob(filepath.Join(m.home, "state/*/lock"))
	if err != nil || len(locks) != 1 {
		t.Fatal(locks, err)
	}
	other := exec.Command("flock", "--no-fork", locks[0], "sh", "-c", "printf '%s \"hold\"\\n' $$ >"+locks[0]+"; echo held; exec sleep 600")
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); errors.Is(err, exec.ErrNotFound) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.secr("set", "A=1"); exitCode(err) != 1 || !strings.Contains(err.Error(), "(hold)") {
		t.Error(err)
	}
}
