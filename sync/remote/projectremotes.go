package remote

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxProjectConfig is more than any honest configuration of a repository has.
const maxProjectConfig = 1 << 20

// ProjectRemotes reads the remotes of the Git repository that a folder lies in, by
// name, from that repository's own configuration file: no file that it includes, no
// insteadOf, no program. Without a repository there are none.
func ProjectRemotes(folder string) map[string]string {
	dir, ok := gitDir(folder)
	if !ok {
		return nil
	}
	f, err := os.Open(filepath.Join(dir, "config"))
	if err != nil {
		return nil
	}
	defer f.Close()
	out := map[string]string{}
	name := ""
	lines := bufio.NewScanner(io.LimitReader(f, maxProjectConfig))
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "[") {
			name = remoteSection(line)
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if name == "" || !ok || !strings.EqualFold(strings.TrimSpace(key), "url") {
			continue
		}
		if _, first := out[name]; !first { // git pushes to every url and fetches from the first
			out[name] = strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return out
}

// remoteSection is the name in `[remote "name"]`, empty for another section.
func remoteSection(line string) string {
	rest, ok := strings.CutPrefix(line, `[remote "`)
	name, after, closed := strings.Cut(rest, `"`)
	if !ok || !closed || !strings.HasPrefix(after, "]") || strings.Contains(name, `\`) {
		return ""
	}
	return name
}

// gitDir finds the folder of a repository's configuration upwards from a folder: .git,
// or what a .git file of a work tree or submodule points to.
func gitDir(folder string) (string, bool) {
	for at := folder; ; at = filepath.Dir(at) {
		git := filepath.Join(at, ".git")
		if info, err := os.Stat(git); err == nil { // of a symbolic link too, as git does
			if info.IsDir() {
				return git, true
			}
			return linkedGitDir(at, git)
		}
		if at == filepath.Dir(at) {
			return "", false
		}
	}
}

func linkedGitDir(at, file string) (string, bool) {
	text, err := os.ReadFile(file)
	dir, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir: ")
	if err != nil || !ok {
		return "", false
	}
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(at, dir)
	}
	if common, err := os.ReadFile(filepath.Join(dir, "commondir")); err == nil {
		shared := strings.TrimSpace(string(common))
		if !filepath.IsAbs(shared) {
			shared = filepath.Join(dir, shared)
		}
		return shared, true
	}
	return dir, true
}
