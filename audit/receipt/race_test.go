package receipt_test

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/secr/secr/audit/receipt"
	"github.com/secr/secr/vault/local"
)

const (
	childEnv  = "SECR_TEST_RECEIPT_CHILD"
	processes = 4
	each      = 25
)

// Processes that read at once: every receipt is there, in one chain.
func TestProcessesAppendAtOnceInOneChain(t *testing.T) {
	if home := os.Getenv(childEnv); home != "" {
		appendAll(t, home)
		return
	}
	home := t.TempDir()
	var wg sync.WaitGroup
	for range processes {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestProcessesAppendAtOnceInOneChain$")
			cmd.Env = []string{childEnv + "=" + home, "HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	p, err := childLog(t, home).Read(patient(t))
	if err != nil || len(p.Entries) != processes*each || p.Unreadable != 0 {
		t.Errorf("%d receipts, %v", len(p.Entries), err)
	}
	seen := map[string]bool{}
	for _, e := range p.Entries {
		seen[e.Program] = true
	}
	if len(seen) != processes*each {
		t.Errorf("%d different ones", len(seen))
	}
}

func childLog(t *testing.T, home string) receipt.Log {
	t.Helper()
	h, err := local.NewHome(func(string) string { return home }, "")
	if err != nil {
		t.Fatal(err)
	}
	v, err := h.Vault(vaultID)
	if err != nil {
		t.Fatal(err)
	}
	return newLog(t, v, deviceID)
}

func appendAll(t *testing.T, home string) {
	t.Helper()
	l := childLog(t, home)
	for i := range each {
		if a := add(t, l, fmt.Sprintf("%d-%d", os.Getpid(), i)); a.Lost != 0 {
			t.Errorf("%+v", a)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	l := newLog(b, newVault(b), deviceID)
	ctx := patient(b)
	host, err := os.Hostname()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r := receipt.NewOrigin(os.Getenv, host).Of(reading("program"))
		if _, err := l.Append(ctx, r); err != nil {
			b.Fatal(err)
		}
	}
}
