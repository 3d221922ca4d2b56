package keyring_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	oskeyring "github.com/zalando/go-keyring"

	"github.com/secr/secr/keys"
	"github.com/secr/secr/keys/keyring"
)

// The D-Bus library remembers one session bus per process, so each story of the
// system's keyring runs in a process of its own: this test binary again, with
// insideEnv naming the story and the private bus as its session bus.
const insideEnv = "SECR_TEST_KEYRING_STORY"

func TestOSInside(t *testing.T) {
	story := os.Getenv(insideEnv)
	if story == "" {
		t.Skip("only inside the other tests")
	}
	stories[story](t)
}

var stories = map[string]func(*testing.T){
	"conform":    storyConform,
	"gone":       storyGone,
	"locked":     storyLocked,
	"no service": storyNoService,
	"silent":     storySilent,
	"damaged":    storyDamaged,
	"empty":      storyNoCollection,
	"prompt":     storyPrompt,
	"late":       storyLate,
}

// tell runs a story.
func tell(t *testing.T, story string, env ...string) {
	t.Helper()
	home := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestOSInside$", "-test.v", "-test.timeout=2m")
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + home, insideEnv + "=" + story, "GORACE=atexit_sleep_ms=0"}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestOSInside") {
		t.Errorf("%s: %v\n%s", story, err, out)
	}
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("SECR_TEST_REQUIRE_ALL") == "1" {
			t.Fatalf("%s is required: %v", name, err)
		}
		t.Skipf("needs %s: %v", name, err)
	}
	return path
}

// bus starts a private session bus on which no service starts by itself.
func bus(t *testing.T) (address string) {
	t.Helper()
	daemon := tool(t, "dbus-daemon")
	folder, err := os.MkdirTemp("", "b") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	config := filepath.Join(folder, "conf")
	socket := filepath.Join(folder, "s")
	text := `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=` + socket + `</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, exec.Command(daemon, "--config-file="+config, "--nofork", "--nopidfile"), nil)
	address = "unix:path=" + socket
	eventually(t, "the bus answers", func() bool {
		c, err := dbus.Connect(address)
		if err == nil {
			err = c.Close()
		}
		return err == nil
	})
	return address
}

// start runs a program until the test ends.
func start(t *testing.T, cmd *exec.Cmd, env []string) {
	t.Helper()
	cmd.Env = env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// eventually waits for an event of another process, for as long as a machine
// under any load may need.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// gnomeKeyring starts the real one, with an unlocked login collection.
func gnomeKeyring(t *testing.T) (address string) {
	t.Helper()
	address = gnomeDaemon(t, "--unlock")
	eventually(t, "the login collection is there", func() bool {
		c, err := dbus.Connect(address)
		if err != nil {
			return false
		}
		defer c.Close()
		v, err := c.Object("org.freedesktop.secrets", "/org/freedesktop/secrets/collection/login").GetProperty("org.freedesktop.Secret.Collection.Locked")
		return err == nil && v.Value() == false
	})
	return address
}

// gnomeDaemon starts the real one on a bus of its own.
func gnomeDaemon(t *testing.T, args ...string) (address string) {
	t.Helper()
	daemon := tool(t, "gnome-keyring-daemon")
	address = bus(t)
	home := t.TempDir()
	cmd := exec.Command(daemon, append(args, "--foreground", "--components=secrets", "--control-directory="+filepath.Join(home, "control"))...)
	cmd.Stdin = strings.NewReader("login password")
	start(t, cmd, []string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_RUNTIME_DIR=" + home, "PATH=" + os.Getenv("PATH"), "DBUS_SESSION_BUS_ADDRESS=" + address})
	return address
}

func busEnv(address string) string { return "DBUS_SESSION_BUS_ADDRESS=" + address }

// patient is the store with time for a machine under load.
func patient() keyring.OS {
	return keyring.Patient(keyring.OS{Getenv: os.Getenv, Deadline: time.Minute})
}

func TestOSConformsOnGnomeKeyring(t *testing.T) { tell(t, "conform", busEnv(gnomeKeyring(t))) }

func storyConform(t *testing.T) {
	conform(t, func(*testing.T) keyring.Store { return patient() })
	other := patient()
	other.Service = "secr other home"
	seed := keys.NewSeed()
	save(t, patient(), "work", seed)
	wants(t, other, "work", keyring.ErrNotFound)
	if err := patient().Delete(context.Background(), "work"); err != nil {
		t.Fatal(err)
	}
	wants(t, patient(), "work", keyring.ErrNotFound)
}

// The address of a bus, but nothing behind it.
func TestOSWithoutABusIsUnavailable(t *testing.T) {
	tell(t, "gone", "DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(t.TempDir(), "none"))
}

func storyGone(t *testing.T) { unavailable(t, patient(), "session bus can't be reached") }

func unavailable(t *testing.T, s keyring.OS, words string) {
	t.Helper()
	ctx := context.Background()
	_, err := s.Load(ctx, "work")
	for _, err := range []error{err, s.Save(ctx, "work", keys.NewSeed()), s.Delete(ctx, "work")} {
		if !errors.Is(err, keyring.ErrUnavailable) || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
}

// No bus at all: the library would start one with dbus-launch.
func TestOSStartsNoBus(t *testing.T) {
	for _, name := range []string{"bus", "dbus-session"} {
		if _, err := os.Stat(filepath.Join("/run/user", userID(), name)); err == nil {
			t.Skip("this user has a session bus that is always found")
		}
	}
	folder := t.TempDir()
	launched := filepath.Join(folder, "launched")
	script := "#!/bin/sh\ntouch " + launched + "\n"
	if err := os.WriteFile(filepath.Join(folder, "dbus-launch"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)
	for _, address := range []string{"", "autolaunch:", "autolaunch:scope=*"} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		unavailable(t, patient(), "no D-Bus")
	}
	unavailable(t, keyring.OS{}, "no D-Bus")
	if _, err := os.Stat(launched); err == nil {
		t.Error("a bus was started")
	}
}

func TestOSWithoutAServiceIsUnavailable(t *testing.T) { tell(t, "no service", busEnv(bus(t))) }

func storyNoService(t *testing.T) { unavailable(t, patient(), "no program on the session bus") }

// A socket that takes the connection and says nothing: the deadline ends it.
func TestOSOnASilentBusEnds(t *testing.T) {
	folder, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tell(t, "silent", "DBUS_SESSION_BUS_ADDRESS=unix:path="+socket)
}

func storySilent(t *testing.T) {
	unavailable(t, keyring.OS{Getenv: os.Getenv, Deadline: 50 * time.Millisecond}, "no answer within 50ms")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := patient().Load(ctx, "work"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the context's end: %v", err)
	}
}

// gnome-keyring with a locked collection, and no desktop on which to ask.
func TestOSLockedSaysSo(t *testing.T) { tell(t, "locked", busEnv(gnomeKeyring(t))) }

func storyLocked(t *testing.T) {
	ctx, seed := context.Background(), keys.NewSeed()
	save(t, patient(), "work", seed)
	c, err := dbus.ConnectSessionBus()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var locked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	call := c.Object("org.freedesktop.secrets", "/org/freedesktop/secrets").Call("org.freedesktop.Secret.Service.Lock", 0, []dbus.ObjectPath{"/org/freedesktop/secrets/collection/login"})
	if err := call.Store(&locked, &prompt); err != nil || len(locked) != 1 {
		t.Fatalf("%v: %v", locked, err)
	}
	_, err = patient().Load(ctx, "work")
	for what, err := range map[string]error{"load": err, "save": patient().Save(ctx, "other", seed), "delete": patient().Delete(ctx, "work")} {
		if !errors.Is(err, keyring.ErrLocked) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOSEntryOfAnotherProgramIsDamaged(t *testing.T) { tell(t, "damaged", busEnv(gnomeKeyring(t))) }

func storyDamaged(t *testing.T) {
	if err := oskeyring.Set("secr", "work", "hunter2hunter2"); err != nil {
		t.Fatal(err)
	}
	_, err := patient().Load(context.Background(), "work")
	if !errors.Is(err, keyring.ErrDamaged) || strings.Contains(err.Error(), "hunter") {
		t.Error(err)
	}
	if err := patient().Save(context.Background(), "work", keys.NewSeed()); !errors.Is(err, keyring.ErrExists) {
		t.Error(err)
	}
	if err := patient().Delete(context.Background(), "work"); err != nil {
		t.Error(err)
	}
}

// A service that never had a login: there is no collection to keep anything in.
func TestOSWithoutACollectionIsUnavailable(t *testing.T) {
	address := gnomeDaemon(t)
	eventually(t, "the service is there", func() bool {
		c, err := dbus.Connect(address)
		if err != nil {
			return false
		}
		defer c.Close()
		_, err = c.Object("org.freedesktop.secrets", "/org/freedesktop/secrets").GetProperty("org.freedesktop.Secret.Service.Collections")
		return err == nil
	})
	tell(t, "empty", busEnv(address))
}

func storyNoCollection(t *testing.T) { unavailable(t, patient(), "no collection") }
