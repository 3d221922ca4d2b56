package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRemoteNameHasNoCredential(t *testing.T) {
	for url, want := range map[string]string{
		"https://host/a/b.git":               "https://host/a/b.git",
		"https://token@host/a":               "https://host/a",
		"https://user:pass@host:8443/a":      "https://host:8443/a",
		"HTTPS://user:p@ss@host/a":           "HTTPS://host/a",
		"ssh://git@host:22/a":                "ssh://git@host:22/a",
		"ssh://git:pass@host/a":              "ssh://git@host/a",
		"ssh://:pass@host/a":                 "ssh://host/a",
		"git@host:team/repo.git":             "git@host:team/repo.git",
		"/srv/git/a.git":                     "/srv/git/a.git",
		"file:///srv/git/a.git":              "file:///srv/git/a.git",
		"https://host/path/with@sign/x:y":    "https://host/path/with@sign/x:y",
		"https://x-access-token:ghp_x@h/o/r": "https://h/o/r",
	} {
		if got := RemoteName(url); got != want {
			t.Errorf("%s is kept as %s, not %s", url, got, want)
		}
		if got := RemoteName(want); got != want {
			t.Errorf("%s is not its own name: %s", want, got)
		}
	}
}

func TestATokenInAURLIsNeverWritten(t *testing.T) {
	v := testVault(t)
	if err := v.WritePin(Pin{Remote: "https://user:hunter2@host/a", Head: Head{Seq: 1}}); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(v.State(), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if strings.Contains(read(t, path)+path, "hunter2") {
			t.Errorf("%s holds the password", path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	// A new token is the same remote.
	if _, err := v.Pin("https://user:other@host/a"); err != nil {
		t.Error(err)
	}
}

func TestAPinNeverMovesBack(t *testing.T) {
	v := testVault(t)
	const remote = "https://host/a"
	if _, err := v.Pin(remote); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	at := func(seq uint64, id byte) Pin {
		return Pin{Remote: remote, Head: Head{Seq: seq, ID: [20]byte{id}, Sum: [32]byte{id}}, Fetched: 1700000000}
	}
	for _, step := range []struct {
		pin Pin
		ok  bool
	}{{at(5, 1), true}, {at(5, 1), true}, {at(7, 2), true}, {at(6, 1), false}, {at(7, 3), false}, {at(7, 2), true}, {at(8, 9), true}} {
		err := v.WritePin(step.pin)
		var back *PinBackError
		if step.ok != (err == nil) || !step.ok && !errors.As(err, &back) {
			t.Errorf("change %d: %v", step.pin.Head.Seq, err)
		}
	}
	got, err := v.Pin(remote)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(at(8, 9), got); d != "" {
		t.Error(d)
	}
	if err := v.ForgetPin(remote); err != nil {
		t.Fatal(err)
	}
	if err := v.WritePin(at(1, 1)); err != nil {
		t.Error(err)
	}
}

func TestPinsOfSeveralRemotesAreApart(t *testing.T) {
	v := testVault(t)
	want := map[string]uint64{"https://host/a": 1, "https://host/b": 2, "git@host:a": 3}
	for remote, seq := range want {
		if err := v.WritePin(Pin{Remote: remote, Head: Head{Seq: seq}, Fetched: 9}); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(v.State(), "pins", tempPrefix+"x"), "half", 0o600)
	pins, err := v.Pins()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for _, p := range pins {
		got[p.Remote] = p.Head.Seq
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAPinOfAnotherRemoteIsRefused(t *testing.T) {
	v := testVault(t)
	for _, remote := range []string{"https://host/a", "https://host/b"} {
		if err := v.WritePin(Pin{Remote: remote, Head: Head{Seq: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(v.pinPath("https://host/a"), v.pinPath("https://host/b")); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Pin("https://host/b"); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if _, err := v.Pins(); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if err := v.WritePin(Pin{Remote: "https://host/b", Head: Head{Seq: 9}}); !errors.Is(err, ErrDamaged) {
		t.Error("a damaged pin was written over: ", err)
	}
}

func TestAPinFileHasOneSpelling(t *testing.T) {
	good := pinMagic + "\n41 " + someID + " " + someSum + "\nfetched 17\nremote https://host/a\n"
	if _, err := parsePin(good); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty": "", "head file": headMagic + good[len(pinMagic):], "no remote": strings.Replace(good, "https://host/a", "", 1),
		"control": strings.Replace(good, "host", "ho\x1bst", 1), "credential": strings.Replace(good, "host", "u:p@host", 1),
		"zero": strings.Replace(good, "17", "017", 1), "far": strings.Replace(good, "17", "18446744073709551615", 1),
		"more": good + "x\n", "long": strings.Replace(good, "host", strings.Repeat("h", urlLimit), 1),
	} {
		if _, err := parsePin(text); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	for _, remote := range []string{"", "https://h\nost/", "a\x00b", strings.Repeat("h", urlLimit+1)} {
		if err := testVault(t).WritePin(Pin{Remote: remote}); err == nil {
			t.Errorf("%.20q was taken for a remote", remote)
		}
	}
}

func TestFloors(t *testing.T) {
	v := testVault(t)
	if floors, err := v.Floors(); err != nil || floors != nil {
		t.Fatal(floors, err)
	}
	for _, seq := range []uint64{7, 3, 7, 100} {
		if err := v.AddFloor(Floor{Seq: seq, Sum: [32]byte{byte(seq)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.AddFloor(Floor{Seq: 7, Sum: [32]byte{8}}); !errors.Is(err, ErrFloors) {
		t.Error(err)
	}
	floors, err := v.Floors()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]Floor{{3, [32]byte{3}}, {7, [32]byte{7}}, {100, [32]byte{100}}}, floors); d != "" {
		t.Error(d)
	}
	for seq := range uint64(floorCount + 10) {
		if err := v.AddFloor(Floor{Seq: 1000 + seq}); err != nil {
			t.Fatal(err)
		}
	}
	floors, err = v.Floors()
	if err != nil || len(floors) != floorCount || floors[len(floors)-1].Seq != 1000+floorCount+9 {
		t.Error(len(floors), err)
	}
	put(t, v.floorPath(), floorMagic+"\n7:"+someSum+"\n3:"+someSum+"\n", 0o600)
	if _, err := v.Floors(); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	for _, text := range []string{"", "7", "7:", ":" + someSum, "07:" + someSum, "7:" + someSum + "0", "7: " + someSum} {
		if _, err := ParseFloor(text); err == nil {
			t.Errorf("%q was taken for a floor", text)
		}
	}
}
