//go:build unix

package main

import (
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// overwrite is a record in place of the one at a path, as the next version of it: its
// header is right in every word, and its content is somebody's idea.
func (f *forger) overwrite(path string, seq int) []byte {
	old := f.read(path)
	_, content, _ := strings.Cut(string(old), "\n\n")
	id := sha1.Sum(append(fmt.Appendf(nil, "blob %d\x00", len(old)), old...))
	var header []string
	for _, line := range strings.Split(strings.SplitN(string(old), "\n\n", 2)[0], "\n") {
		word, _, _ := strings.Cut(line, " ")
		switch word {
		case "kind":
			line = "kind set"
		case "version":
			line = "version 2"
		case "seq", "since":
			line = fmt.Sprintf("%s %d", word, seq)
		case "before":
			line = fmt.Sprintf("before %x %x", id, sha256.Sum256(old))
		}
		header = append(header, line)
	}
	return []byte(strings.Join(header, "\n") + "\n\n" + content)
}

// next is the number of the next change at the host.
func (f *forger) next() int {
	var n int
	fmt.Sscan(seqLine.FindStringSubmatch(f.git(f.dir, "cat-file", "commit", "HEAD"))[1], &n)
	return n + 1
}

// code runs secr and returns its exit code and what it said.
func (p person) code(args ...string) (int, string) {
	out, err := p.secr(args...).CombinedOutput()
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return 0, string(out)
}

// TestWhatForgersPushIsTakenByNobody: members with less than everything, and stock
// git, ssh-keygen and the specification, against honest clients.
func TestWhatForgersPushIsTakenByNobody(t *testing.T) {
	l := newLab(t)
	cleo, ben, boss := l.join("cleo", "viewer"), l.join("ben", "developer"), l.join("boss", "admin")
	record := func(f *forger) map[string][]byte {
		path := f.find("secrets/development/*/*")
		return map[string][]byte{path: f.overwrite(path, f.next())}
	}
	swap := func(f *forger, path, old, new string) map[string][]byte {
		text := string(f.read(path))
		if !strings.Contains(text, old) {
			t.Fatalf("%s has no %q", path, old)
		}
		return map[string][]byte{path: []byte(strings.Replace(text, old, new, 1))}
	}
	// The control: with the right to it, stock git makes a change like any other.
	boss.catchUp()
	boss.push(swap(&boss, boss.member("boss"), `"email": ""`, `"email": "boss@example.org"`), signature{})
	if code, said := l.ana.code("sync"); code != 0 {
		t.Fatalf("the forger's craft is not good enough: exit %d\n%s", code, said)
	}
	for name, c := range map[string]struct {
		by    *forger
		files func(*forger) map[string][]byte
		as    signature
		want  string
	}{
		"a viewer writes":                     {by: &cleo, files: record, want: "cleo may not write secrets of development"},
		"a viewer writes in a manager's name": {by: &cleo, files: record, as: signature{handle: "boss", device: boss.device}, want: "signature"},
		"nobody signs":                        {by: &cleo, files: record, as: signature{unsigned: true}, want: "gpgsig"},
		"a viewer promotes herself": {by: &cleo, files: func(f *forger) map[string][]byte {
			return swap(f, f.member("cleo"), `"viewer"`, `"admin"`)
		}, want: "may not"},
		"a developer writes production": {by: &ben, files: func(f *forger) map[string][]byte {
			path := f.find("secrets/development/*/*")
			return map[string][]byte{strings.Replace(path, "development", "production", 1): f.read(path)}
		}, want: "ben may not write secrets of production"},
		"a developer gives himself a key": {by: &ben, files: func(f *forger) map[string][]byte {
			return map[string][]byte{"keys/environments/production/1/developer.age": f.read("keys/environments/production/1/admin.age")}
		}, want: "may not"},
		"a developer changes the founding": {by: &ben, files: func(f *forger) map[string][]byte {
			return swap(f, "vault.json", `"format": 1`, `"format": 2`)
		}, want: "nobody may touch it"},
		"promotion and use in one change": {by: &cleo, files: func(f *forger) map[string][]byte {
			files := swap(f, f.member("cleo"), `"viewer"`, `"admin"`)
			for path, data := range record(f) {
				files[path] = data
			}
			return files
		}, want: "may not"},
		"a manager hides a recipient": {by: &boss, files: func(f *forger) map[string][]byte {
			return map[string][]byte{"keys/roles/admin/1/" + cleo.device + ".age": f.read("keys/roles/viewer/1/" + cleo.device + ".age")}
		}, want: "whom the policy does not let hold it"},
		"a removal without new keys": {by: &boss, files: func(f *forger) map[string][]byte {
			path := f.member("cleo")
			text := string(f.read(path))
			at := strings.LastIndex(text, `"retired": false`)
			return map[string][]byte{path: []byte(text[:at] + strings.Replace(text[at:], "false", "true", 1))}
		}, want: "incomplete: "},
		"a wrap taken away": {by: &boss, files: func(f *forger) map[string][]byte {
			return map[string][]byte{"keys/roles/viewer/1/" + cleo.device + ".age": nil}
		}, want: "the file leaves, and its epoch is not over"},
	} {
		c.by.catchUp()
		c.by.push(c.files(c.by), c.as)
		victims := map[string]person{"ana": l.ana}
		if name == "a viewer writes" {
			victims["ben"], victims["cleo"] = ben.person, cleo.person
		}
		for who, p := range victims {
			code, said := p.code("pull")
			if code != 6 || !strings.Contains(said, c.want) {
				t.Errorf("%s: %s's pull ends with %d, want 6 and %q\n%s", name, who, code, c.want, said)
			}
			if got := p.must("", "get", "A"); got != "one" {
				t.Errorf("%s: %s reads %q", name, who, got)
			}
		}
		if code, said := cleo.code("sync", "--repair"); code != 0 { // any member may
			t.Fatalf("%s: the repair ends with %d\n%s", name, code, said)
		}
		if code, said := l.ana.code("sync"); code != 0 {
			t.Fatalf("%s: the sync after the repair ends with %d\n%s", name, code, said)
		}
	}
}

func TestARemovedMembersPushIsTakenByNobody(t *testing.T) {
	l := newLab(t)
	ben, boss := l.join("ben", "developer"), l.join("boss", "admin")
	l.ana.must("", "member", "remove", "ben", "--yes")
	l.ana.must("", "member", "remove", "boss", "--yes")
	for name, f := range map[string]*forger{"a developer": &ben, "a manager with every key he ever held": &boss} {
		// He still may push to the host, and builds on its newest change.
		f.catchUp()
		path := f.find("secrets/development/*/*")
		f.push(map[string][]byte{path: f.overwrite(path, f.next())}, signature{})
		code, said := l.ana.code("sync")
		if code != 6 || !strings.Contains(said, f.handle) {
			t.Errorf("%s: exit %d\n%s", name, code, said)
		}
		l.ana.must("", "sync", "--repair")
		l.ana.must("", "sync")
		// By his own client he gets no further.
		if code, _ := f.code("set", "A=mine"); code != 0 && code != 7 {
			t.Errorf("%s: set ends with %d", name, code)
		}
		if _, said := f.code("sync"); !strings.Contains(said, "no longer a member") && !strings.Contains(said, "no member") && !strings.Contains(said, "up to date") {
			t.Errorf("%s: %s", name, said)
		}
		if got := l.ana.must("", "get", "A"); got != "one" {
			t.Errorf("%s: ana reads %q", name, got)
		}
	}
	if code, said := ben.code("sync", "--repair"); code == 0 {
		t.Errorf("who was removed repairs the branch:\n%s", said)
	}
}
