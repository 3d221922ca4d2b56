package local

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	pinMagic = "secr/1 pin"
	pinLimit = 4096
	urlLimit = 2048
	pinCount = 1024 // files read from the folder of pins
)

// Pin is the highest change that this machine has seen at a remote. It lives
// outside the repository, so that nothing a remote sends can move it.
type Pin struct {
	Remote  string // the remote's URL without any password or token
	Head    Head
	Fetched int64 // when it was last seen there, Unix seconds
}

// PinBackError says that a pin would have moved back or sideways: the remote
// shows less than it showed before, or another history.
type PinBackError struct {
	Remote   string
	Old, New Head
}

func (e *PinBackError) Error() string {
	return fmt.Sprintf("%s showed change %d (%x) before and now shows %d (%x)",
		e.Remote, e.Old.Seq, e.Old.ID[:6], e.New.Seq, e.New.ID[:6])
}

// RemoteName is the name under which a remote's pin is kept: its URL without
// password, and for http without user, because tokens change and must not be
// written down.
func RemoteName(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	host, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	at := strings.LastIndexByte(host, '@')
	if at < 0 {
		return url
	}
	user, host := host[:at], host[at:]
	user, _, _ = strings.Cut(user, ":")
	if strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https") || user == "" {
		return scheme + "://" + host[1:] + path
	}
	return scheme + "://" + user + host + path
}

// Pin reads the pin of a remote. It is fs.ErrNotExist if this machine has
// never seen the vault there.
func (v Vault) Pin(remote string) (Pin, error) {
	name := RemoteName(remote)
	return readPin(v.pinPath(name), name)
}

// Pins reads the pins of all remotes.
func (v Vault) Pins() ([]Pin, error) {
	folder := v.pinFolder()
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var pins []Pin
	for _, e := range entries {
		if IsTemp(e.Name()) {
			continue
		}
		if len(pins) == pinCount {
			return nil, &FileError{Path: folder, Err: ErrTooLarge}
		}
		p, err := readPin(filepath.Join(folder, e.Name()), "")
		if err != nil {
			return nil, err
		}
		pins = append(pins, p)
	}
	return pins, nil
}

// WritePin replaces the pin of a remote durably. It never moves one back, or
// to another change of the same number: that is a [PinBackError]. The caller
// holds the vault's lock and has verified p.Head.
func (v Vault) WritePin(p Pin) error {
	p.Remote = RemoteName(p.Remote)
	if len(p.Remote) > urlLimit || strings.ContainsFunc(p.Remote, isControl) || p.Remote == "" {
		return fmt.Errorf("%q is not the URL of a remote", cut(p.Remote))
	}
	if p.Fetched < 0 {
		return fmt.Errorf("%d is not a time", p.Fetched)
	}
	old, err := v.Pin(p.Remote)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := MakeFolder(v.pinFolder()); err != nil {
			return err
		}
	case err != nil:
		return err
	case p.Head.Seq < old.Head.Seq, p.Head.Seq == old.Head.Seq && p.Head != old.Head:
		return &PinBackError{Remote: p.Remote, Old: old.Head, New: p.Head}
	}
	return WriteFile(v.pinPath(p.Remote), []byte(p.format()))
}

// ForgetPin removes the pin of a remote, which a person has to have decided.
func (v Vault) ForgetPin(remote string) error {
	if err := (Disk{}).Remove(v.pinPath(RemoteName(remote))); err != nil {
		return err
	}
	return syncFolder(v.pinFolder())
}

func (v Vault) pinFolder() string { return filepath.Join(v.State(), "pins") }

func (v Vault) pinPath(name string) string { return filepath.Join(v.pinFolder(), pinKey(name)) }

func pinKey(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:8])
}

func (p Pin) format() string {
	return fmt.Sprintf("%s\n%s\nfetched %d\nremote %s\n", pinMagic, p.Head.line(), p.Fetched, p.Remote)
}

// readPin reads a pin file. Whatever remote it names must be the one that
// the file is named after, and want if that is given.
func readPin(path, want string) (Pin, error) {
	text, err := ReadText(path, pinLimit)
	if err != nil {
		return Pin{}, err
	}
	p, err := parsePin(text)
	switch {
	case err != nil:
		return Pin{}, damaged(path, "%v", err)
	case want != "" && p.Remote != want, pinKey(p.Remote) != filepath.Base(path):
		return Pin{}, damaged(path, "it is the pin of %q", cut(p.Remote))
	}
	return p, nil
}

func parsePin(text string) (Pin, error) {
	var p Pin
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[0] != pinMagic || lines[4] != "" {
		return p, fmt.Errorf("it is not four lines that start with %q", pinMagic)
	}
	var err error
	if p.Head, err = parseHeadLine(lines[1]); err != nil {
		return p, err
	}
	fetched, ok := strings.CutPrefix(lines[2], "fetched ")
	n, err := parseNumber(fetched)
	if !ok || err != nil || int64(n) < 0 {
		return p, fmt.Errorf("the third line is not a time")
	}
	p.Fetched = int64(n)
	remote, ok := strings.CutPrefix(lines[3], "remote ")
	if !ok || remote == "" || len(remote) > urlLimit || strings.ContainsFunc(remote, isControl) || RemoteName(remote) != remote {
		return p, fmt.Errorf("the fourth line is not a remote")
	}
	p.Remote = remote
	return p, nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
