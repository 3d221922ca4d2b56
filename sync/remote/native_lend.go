package remote

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// lendTime bounds the reading of the project's settings, which may include files that
// never end.
const lendTime = 5 * time.Second

// maxLent bounds the text of those settings.
const maxLent = 1 << 20

// lend reads what the project's own repository says about the remote's host. A CI job's
// checkout keeps its credentials there. Only settings written for exactly the remote's
// scheme and host count; everything else in that file (core.sshCommand, url.*, includes
// of them, unscoped headers, proxies) could start programs or send credentials elsewhere.
func (n *Native) lend(ctx context.Context, u URL) []pair {
	if n.o.Project == "" || u.scheme != HTTPS || !mayLend(n.o.Project) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lendTime)
	defer cancel()
	args := append([]string{"-C", n.o.Project}, settings()...)
	args = append(args, "config", "--local", "--includes", "--null", "--get-regexp", `^(http|credential)\.`)
	out, err := n.start(ctx, args, n.env, maxLent)
	if err != nil {
		return nil // no repository there, one of another user, or nothing to lend
	}
	pairs, refused := lendable(out, u)
	for _, key := range refused {
		n.o.Note("the project's git setting " + key + " is not used: set it in your own git configuration")
	}
	return pairs
}

// mayLend looks whether it is worth a process to ask git: most projects' settings have no
// section of the kind, and include nothing that could.
func mayLend(project string) bool {
	dir, ok := gitDir(project)
	if !ok {
		return false
	}
	text, err := readSmall(filepath.Join(dir, "config"), maxProjectConfig)
	if err != nil {
		return true // whatever it is, git knows
	}
	text = bytes.ToLower(text)
	return slices.ContainsFunc([]string{"[http", "[credential", "[include", "worktreeconfig"}, func(word string) bool {
		return bytes.Contains(text, []byte(word))
	})
}

// lendable picks from the output of git config --null.
func lendable(out []byte, u URL) (pairs []pair, refused []string) {
	for entry := range strings.SplitSeq(string(out), "\x00") {
		if entry == "" {
			continue
		}
		key, value, _ := strings.Cut(entry, "\n")
		section, rest, _ := strings.Cut(key, ".")
		i := strings.LastIndexByte(rest, '.')
		if i < 0 || !sameHost(rest[:i], u) {
			continue
		}
		if !isLent(section, strings.ToLower(rest[i+1:]), value) {
			refused = append(refused, Clean(section+".*."+rest[i+1:]))
			continue
		}
		pairs = append(pairs, pair{key, value})
	}
	return pairs, refused
}

// sameHost reports whether a setting's scope names the remote's scheme, host and port.
func sameHost(scope string, u URL) bool {
	scheme, rest, ok := strings.Cut(scope, "://")
	if !ok || !strings.EqualFold(scheme, string(u.scheme)) {
		return false
	}
	authority, _, _ := strings.Cut(rest, "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	host, port, ok := splitHost(authority)
	return ok && host == u.host && orPort443(port) == orPort443(u.port)
}

func orPort443(port string) string {
	if port == "" {
		return "443"
	}
	return port
}

// helperPattern admits the name of an installed credential helper with plain options.
// Anything else is a shell command.
func helperPattern() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z][a-z0-9-]*( --[a-z]+(=[A-Za-z0-9_./-]+| [0-9]+)?)*$`)
}

func isLent(section, name, value string) bool {
	if section == "credential" {
		if name == "helper" {
			return value == "" || helperPattern().MatchString(value)
		}
		return slices.Contains([]string{"username", "usehttppath", "provider"}, name)
	}
	return slices.Contains([]string{
		"extraheader", "emptyauth", "sslcainfo", "sslcert", "sslkey", "sslcertpasswordprotected", "version", "postbuffer",
	}, name)
}

// asSettings gives git the login that an address carried.
func (l Login) asSettings(u URL, lent []pair) []pair {
	if l.IsZero() {
		return nil
	}
	for _, p := range lent {
		if strings.HasPrefix(strings.ToLower(p.value), "authorization:") {
			return nil
		}
	}
	return []pair{{"http.https://" + u.Host() + "/.extraHeader", "Authorization: " + l.header()}}
}
