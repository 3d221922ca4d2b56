package remote

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Scheme says how a remote is reached.
type Scheme string

// The schemes that secr speaks. Plain http and git:// are left out because they show
// credentials to the network, and remote helpers (ext::, transport::address) because
// they start programs that an address chooses.
const (
	File  Scheme = "file"
	SSH   Scheme = "ssh"
	HTTPS Scheme = "https"
)

// Source says who wrote an address, and so what it may contain.
type Source int

const (
	// FromProject is an address out of secr.toml: whoever can write to the project
	// chose it. Only https, ssh and scp form, and nothing secret in it.
	FromProject Source = iota
	// FromUser is an address out of the user's own settings, a flag, or the project's
	// git configuration: also folders of this machine, and a user and password in an
	// https address, which never reach an argument or a message.
	FromUser
)

// maxURL bounds an address; a longer one is nobody's.
const maxURL = 2048

// URL is a parsed address of a Git remote. Its text never contains a password, however
// it is printed. The zero URL is not an address.
type URL struct {
	scheme Scheme
	user   string // ssh only
	host   string // lower case, without brackets
	port   string // digits, or empty
	path   string
	scp    bool // written as user@host:path
	login  Login
}

// URLError says why a text is not an address that secr uses.
type URLError struct {
	Text string // the address, without any password, safe to print
	What string
}

func (e *URLError) Error() string {
	return fmt.Sprintf("remote address %q: %s", e.Text, e.What)
}

// Parse reads an address. Relative folders count from base, an absolute folder; they
// are allowed only FromUser. It never looks at the disk or the network.
func Parse(raw string, from Source, base string) (URL, error) {
	fail := func(what string) (URL, error) {
		return URL{}, &URLError{Text: Clean(redactURL(raw)), What: what}
	}
	switch {
	case raw == "":
		return fail("is empty")
	case len(raw) > maxURL:
		return URL{}, &URLError{Text: Clean(redactURL(raw[:64])) + "...", What: "is too long"}
	case strings.HasPrefix(raw, "-"):
		return fail("starts with a dash, which git would take for an option")
	case !utf8.ValidString(raw) || strings.IndexFunc(raw, isControl) >= 0:
		return fail("contains a control character")
	}
	if i := strings.Index(raw, "://"); i >= 0 && !strings.ContainsAny(raw[:i], "/:@") {
		return parseScheme(raw, strings.ToLower(raw[:i]), raw[i+3:], from)
	}
	if i := strings.Index(raw, "::"); i >= 0 && !strings.ContainsAny(raw[:i], "/[") {
		return fail("names a remote helper, which would start a program")
	}
	if user, host, path, ok := splitSCP(raw); ok {
		if raw[0] == '@' { // without it, @ext://x would be one of another scheme
			return fail("has an empty user name")
		}
		u := URL{scheme: SSH, user: user, host: strings.ToLower(host), path: path, scp: true}
		return u.checked(raw)
	}
	if from != FromUser {
		return fail("is a folder of this machine; a project may name only https or ssh addresses")
	}
	if !filepath.IsAbs(raw) {
		if base == "" {
			return fail("is a relative folder, and nothing says relative to what")
		}
		raw = filepath.Join(base, raw)
	}
	return URL{scheme: File, path: filepath.Clean(raw)}, nil
}

func parseScheme(raw, scheme, rest string, from Source) (URL, error) {
	fail := func(what string) (URL, error) {
		return URL{}, &URLError{Text: Clean(redactURL(raw)), What: what}
	}
	switch Scheme(scheme) {
	case File:
		if from != FromUser {
			return fail("is a folder of this machine; a project may name only https or ssh addresses")
		}
		if !filepath.IsAbs(rest) || strings.Contains(rest, "%") {
			return fail("must be file:// and an absolute folder, written without escapes")
		}
		return URL{scheme: File, path: filepath.Clean(rest)}, nil
	case SSH, HTTPS:
	default:
		return fail("only https and ssh addresses (and folders that you name yourself) are used")
	}
	authority, path, ok := strings.Cut(rest, "/")
	if !ok {
		return fail("has no path")
	}
	u := URL{scheme: Scheme(scheme), path: "/" + path}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		var problem string
		if u, problem = u.withUser(authority[:i], from); problem != "" {
			return fail(problem)
		}
		authority = authority[i+1:]
	}
	var good bool
	if u.host, u.port, good = splitHost(authority); !good {
		return fail("has no usable host name")
	}
	return u.checked(raw)
}

// withUser takes the part before the @. Passwords are only taken out of https addresses
// that the user's own configuration holds, as CI systems write them.
func (u URL) withUser(text string, from Source) (URL, string) {
	if u.scheme == SSH {
		if strings.Contains(text, ":") {
			return u, "contains a password"
		}
		u.user = text
		return u, ""
	}
	if from != FromUser {
		return u, "contains a user name or password"
	}
	login, err := parseLogin(text)
	if err != nil {
		return u, "has a user name or password that can't be read"
	}
	u.login = login
	return u, ""
}

// splitSCP splits [user@]host:path. As in git the colon comes before any slash.
func splitSCP(raw string) (user, host, path string, ok bool) {
	rest := raw
	if at := strings.IndexByte(raw, '@'); at >= 0 && !strings.ContainsAny(raw[:at], "/:[") {
		user, rest = raw[:at], raw[at+1:]
	}
	if inner, after, found := strings.Cut(strings.TrimPrefix(rest, "["), "]:"); found && strings.HasPrefix(rest, "[") {
		return user, inner, after, net.ParseIP(inner) != nil
	}
	host, path, found := strings.Cut(rest, ":")
	if !found || strings.Contains(host, "/") || isDriveLetter(host) {
		return "", "", "", false
	}
	return user, host, path, true
}

// isDriveLetter tells C:\folder from a host of one letter, the way git does on Windows.
func isDriveLetter(host string) bool { return filepath.VolumeName(host+":") != "" }

func splitHost(authority string) (host, port string, ok bool) {
	if strings.HasPrefix(authority, "[") {
		inner, after, found := strings.Cut(authority[1:], "]")
		if !found || net.ParseIP(inner) == nil {
			return "", "", false
		}
		if after != "" && !strings.HasPrefix(after, ":") {
			return "", "", false
		}
		return strings.ToLower(inner), strings.TrimPrefix(after, ":"), true
	}
	host, port, _ = strings.Cut(authority, ":")
	return strings.ToLower(host), port, true
}

func (u URL) checked(raw string) (URL, error) {
	what := ""
	switch {
	case !isHost(u.host):
		what = "has no usable host name"
	case u.user != "" && !isWord(u.user):
		what = "has a user name that ssh could misread"
	case !isPort(u.port):
		what = "has a port that isn't a number from 1 to 65535"
	case u.path == "" || u.path == "/":
		what = "has no path"
	case strings.HasPrefix(u.path, "-"):
		what = "has a path that starts with a dash, which git would take for an option"
	case u.scheme == HTTPS && strings.ContainsAny(u.path, "?# \\"):
		what = "has a path with a question mark, number sign, space or backslash"
	}
	if what != "" {
		return URL{}, &URLError{Text: Clean(redactURL(raw)), What: what}
	}
	return u, nil
}

func isHost(host string) bool {
	if net.ParseIP(host) != nil {
		return true
	}
	return len(host) <= 253 && isWord(host) && !strings.Contains(host, "..") && !strings.ContainsAny(host, "+")
}

// isWord holds for names that no shell, ssh or git reads as anything but a name.
func isWord(s string) bool {
	if s == "" || s[0] == '-' || s[0] == '.' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && !strings.ContainsRune("-._+", rune(c)) {
			return false
		}
	}
	return true
}

func isPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && port == strconv.FormatUint(n, 10)
}

// redactURL takes out what might be a password, for messages about a text that is not
// an address yet.
func redactURL(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return raw
	}
	authority, path, slash := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = "..." + authority[i:]
	}
	if slash {
		path = "/" + path
	}
	return scheme + "://" + authority + path
}

// IsZero reports whether u is no address at all.
func (u URL) IsZero() bool { return u.scheme == "" }

// Scheme says how the remote is reached.
func (u URL) Scheme() Scheme { return u.scheme }

// Host is the host as it would be confirmed by a person: with the port when there is
// one. It is empty for a folder.
func (u URL) Host() string {
	switch {
	case u.scheme == File:
		return ""
	case u.port == "":
		return u.bracketed()
	}
	return u.bracketed() + ":" + u.port
}

func (u URL) bracketed() string {
	if strings.Contains(u.host, ":") {
		return "[" + u.host + "]"
	}
	return u.host
}

// Place is the host and path without scheme, user, port and a final ".git": two
// addresses of one repository under different protocols have the same place.
func (u URL) Place() string {
	path := strings.TrimSuffix(strings.Trim(u.path, "/"), ".git")
	if u.scheme == File {
		return "file:/" + path
	}
	return u.host + "/" + path
}

// String is the address without any password, as it is shown, stored and handed to git.
func (u URL) String() string {
	user := ""
	if u.user != "" {
		user = u.user + "@"
	}
	switch {
	case u.scheme == "":
		return ""
	case u.scheme == File:
		return u.path
	case u.scp:
		return user + u.bracketed() + ":" + u.path
	}
	return string(u.scheme) + "://" + user + u.Host() + u.path
}

// Format prints the address and nothing else for every verb, so that no %+v shows a
// password.
func (u URL) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		fmt.Fprintf(f, "%q", u.String())
		return
	}
	fmt.Fprint(f, u.String())
}

// Login is what an https address carried before its @.
func (u URL) Login() Login { return u.login }
