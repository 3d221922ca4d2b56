package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/secr/secr/vault/jot"
)

const (
	linkLimit = 1 << 20
	linkCount = 4096
	nameLimit = 32
)

// Link says that the user has tied a project folder to a vault. Without one,
// a secr.toml that names a vault gets nothing from it.
type Link struct {
	Folder  string // absolute, without symbolic links
	Vault   string // a vault id
	Profile string // which identity; empty is the default one
}

func (l *Link) fields() jot.Fields {
	return jot.Fields{{Name: "folder", Value: &l.Folder}, {Name: "vault", Value: &l.Vault}, {Name: "profile", Value: &l.Profile}}
}

// ErrNoLink means that neither the folder nor any above it is linked.
var ErrNoLink = errors.New("this folder is not linked to a vault")

// Links reads all links.
func (h Home) Links() ([]Link, error) {
	path := h.linkPath()
	text, err := ReadText(path, linkLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	links, err := parseLinks(text)
	if err != nil {
		return nil, damaged(path, "%v", err)
	}
	return links, nil
}

// FindLink returns the link of the nearest linked folder from folder
// upwards. Symbolic links are resolved first, so that no second name of a
// folder has a link of its own. A linked folder that now belongs to another
// user is refused with ErrForeign. None at all is ErrNoLink.
func (h Home) FindLink(folder string) (Link, error) {
	links, err := h.Links()
	if err != nil {
		return Link{}, err
	}
	if len(links) == 0 {
		return Link{}, ErrNoLink
	}
	at, err := resolve(folder)
	if err != nil {
		return Link{}, err
	}
	for {
		for _, l := range links {
			if l.Folder == at {
				return l, CheckOwner(at)
			}
		}
		up := filepath.Dir(at)
		if up == at {
			return Link{}, ErrNoLink
		}
		at = up
	}
}

// SetLink ties a folder to a vault, in place of a link that it had. It waits
// for another process that is changing the links until ctx is done.
func (h Home) SetLink(ctx context.Context, l Link) error {
	folder, err := resolve(l.Folder)
	if err != nil {
		return err
	}
	l.Folder = folder
	if err := CheckOwner(folder); err != nil {
		return err
	}
	if err := l.check(); err != nil {
		return err
	}
	return h.changeLinks(ctx, func(links []Link) []Link {
		return append(without(links, folder), l)
	})
}

// RemoveLink unties a folder. It is no error if it was not linked. The
// folder need not exist any more.
func (h Home) RemoveLink(ctx context.Context, folder string) error {
	at, err := resolve(folder)
	if errors.Is(err, fs.ErrNotExist) {
		at, err = filepath.Abs(folder)
	}
	if err != nil {
		return err
	}
	return h.changeLinks(ctx, func(links []Link) []Link { return without(links, at) })
}

func (h Home) changeLinks(ctx context.Context, change func([]Link) []Link) (err error) {
	if err := MakeFolder(h.Config); err != nil {
		return err
	}
	lock, err := TakeLock(ctx, filepath.Join(h.Config, "links.lock"), "link")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	links, err := h.Links()
	if err != nil {
		return err
	}
	links = change(links)
	slices.SortFunc(links, func(a, b Link) int { return strings.Compare(a.Folder, b.Folder) })
	if len(links) > linkCount {
		return fmt.Errorf("%d folders are linked, at most %d can be", len(links), linkCount)
	}
	return WriteFile(h.linkPath(), formatLinks(links))
}

func (h Home) linkPath() string { return filepath.Join(h.Config, "links.json") }

func without(links []Link, folder string) []Link {
	return slices.DeleteFunc(slices.Clone(links), func(l Link) bool { return l.Folder == folder })
}

func resolve(folder string) (string, error) {
	abs, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

func (l Link) check() error {
	switch {
	case !filepath.IsAbs(l.Folder) || filepath.Clean(l.Folder) != l.Folder || strings.ContainsRune(l.Folder, 0):
		return fmt.Errorf("%q is not the path of a folder", cut(l.Folder))
	case !ValidID(l.Vault):
		return fmt.Errorf("%q is not a vault id", cut(l.Vault))
	case l.Profile != "" && !validName(l.Profile):
		return fmt.Errorf("%q is not the name of a profile", cut(l.Profile))
	}
	return nil
}

// validName reports whether s is a name: [a-z0-9][a-z0-9-]{0,31}.
func validName(s string) bool {
	if s == "" || len(s) > nameLimit || s[0] == '-' {
		return false
	}
	for _, c := range s {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// linkFile is the one object of the file.
func linkFile(links *[]Link) jot.Fields {
	return jot.Fields{{Name: "links", Value: jot.List(links, (*Link).fields)}}
}

func formatLinks(links []Link) []byte {
	return append(jot.Append(nil, linkFile(&links), jot.Indented), '\n')
}

// parseLinks reads links that a person may have edited: any spacing and
// order will do, but no unknown field, no second link of one folder and
// nothing behind.
func parseLinks(text string) ([]Link, error) {
	var links []Link
	if err := jot.Read(text, linkFile(&links)); err != nil {
		return nil, err
	}
	if len(links) > linkCount {
		return nil, fmt.Errorf("it has more than %d links", linkCount)
	}
	seen := map[string]bool{}
	for _, l := range links {
		if err := l.check(); err != nil {
			return nil, err
		}
		if seen[l.Folder] {
			return nil, fmt.Errorf("%q is linked twice", cut(l.Folder))
		}
		seen[l.Folder] = true
	}
	return links, nil
}
