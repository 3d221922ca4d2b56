package remote

import (
	"context"
	"path/filepath"
	"strings"
)

// isForGit reports whether a folder is left to git: its form or its rules are not plain,
// or what is wrong with it is git's to say.
func isForGit(err error) bool {
	switch KindOf(err) {
	case Unsupported, NoRepository, Broken:
		return true
	}
	return false
}

// packInto lets git pack what the folder lacks, with the deltas that are there already.
// What it writes goes straight to the folder's objects, and what it reads comes from ours.
func (n *Native) packInto(ctx context.Context, f *folder, p Push, have []Hash) error {
	objects := filepath.Join(f.dir, "objects")
	args := append([]string{"--git-dir=" + p.From, "-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync"}, settings()...)
	args = append(args, "pack-objects", "--revs", "--progress", "--delta-base-offset", filepath.Join(objects, "pack", "pack"))
	var revs strings.Builder
	revs.WriteString(p.New.String() + "\n")
	for _, h := range have {
		revs.WriteString("^" + h.String() + "\n")
	}
	_, err := n.run(ctx, invocation{
		url: p.URL, args: args, stdin: revs.String(), limits: p.Limits.orDefault(), maxOutput: 64 << 10,
		env: []string{"GIT_OBJECT_DIRECTORY=" + objects, "GIT_ALTERNATE_OBJECT_DIRECTORIES=" + quoteFolder(filepath.Join(p.From, "objects"))},
	})
	if err != nil {
		return err
	}
	return syncDir(filepath.Join(objects, "pack"))
}

// quoteFolder spells a folder for a list that colons separate.
func quoteFolder(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path) + `"`
}
