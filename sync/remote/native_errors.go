package remote

import (
	"context"
	"net"
	"slices"
	"strings"
	"time"
)

// sign is a piece of text by which a failure is known, as git, curl and ssh write it in
// the C locale.
type sign struct {
	text string
	kind Kind
}

// signs are looked for in this order, in lines that git or ssh wrote themselves. The
// first that is found counts; more telling ones come first.
func signs() []sign { return append(signsOfConnection(), signsOfAnswer()...) }

func signsOfConnection() []sign {
	return []sign{
		{"REMOTE HOST IDENTIFICATION HAS CHANGED", ChangedHostKey},
		{"Host key verification failed", UnknownHostKey},
		{"couldn't find remote ref", NoBranch},
		{"attempting to allocate", TooMuch},
		{"size_t overflow", TooMuch},
		{"Out of memory", TooMuch},
		{"out of memory", TooMuch},
		{"Could not resolve host", NoHost},
		{"Name or service not known", NoHost},
		{"Temporary failure in name resolution", NoHost},
		{"nodename nor servname", NoHost},
		{"Connection refused", Refused},
		{"Couldn't connect to server", Refused},
		{"Network is unreachable", Unreachable},
		{"No route to host", Unreachable},
		{"timed out", Timeout},
		{"Operation too slow", Timeout},
	}
}

func signsOfAnswer() []sign {
	return []sign{
		{"SSL certificate", Certificate},
		{"server certificate verification failed", Certificate},
		{"certificate verify failed", Certificate},
		{"SSL_ERROR_SYSCALL", Unreachable},
		{"Authentication failed", Authentication},
		{"could not read Username", Authentication},
		{"could not read Password", Authentication},
		{"terminal prompts disabled", Authentication},
		{"unable to get password", Authentication},
		{"Permission denied", Authentication},
		{"Too many authentication failures", Authentication},
		{"returned error: 401", Authentication},
		{"returned error: 403", Authentication},
		{"HTTP 401", Authentication},
		{"HTTP 403", Authentication},
		{"returned error: 413", Quota},
		{"HTTP 413", Quota},
		{"returned error: 429", Quota},
		{"HTTP 429", Quota},
		{"No space left on device", Quota},
		{"Disk quota exceeded", Quota},
		{"returned error: 404", NoRepository},
		{"repository not found", NoRepository},
		{"' not found", NoRepository},
		{"Repository not found", NoRepository},
		{"does not appear to be a git repository", NoRepository},
		{"repository does not exist", NoRepository},
		{"could not be found", NoRepository},
		{"no such repository", NoRepository},
		{"dubious ownership", NoRepository},
		{"not allowed", Unsupported},
		{"returned error: 5", Unreachable},
		{"HTTP 5", Unreachable},
		{"Connection reset", Unreachable},
		{"Connection closed", Unreachable},
		{"Failed to connect", Unreachable},
		{"hung up unexpectedly", Unreachable},
		{"unexpected disconnect", Broken},
		{"early EOF", Broken},
		{"bad pack", Broken},
		{"pack is corrupted", Broken},
		{"invalid index-pack output", Broken},
		{"index-pack failed", Broken},
		{"protocol error", Broken},
		{"bad line length", Broken},
		{"invalid server response", Broken},
	}
}

// kindOfText finds the first sign in lines.
func kindOfText(lines []string) Kind {
	for _, s := range signs() {
		if slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, s.text) }) {
			return s.kind
		}
	}
	return Unknown
}

// explain turns what a failed git wrote into an error. Lines that begin with "remote:"
// are the host's own words: they are shown, and believed only as far as a full disk goes.
func explain(u URL, lines []string, porcelain []byte, cause error) *Error {
	var host, own []string
	for _, line := range lines {
		if text, ok := strings.CutPrefix(line, "remote:"); ok {
			host = append(host, strings.TrimPrefix(text, " "))
			continue
		}
		own = append(own, line)
	}
	e := &Error{URL: u.String(), Err: cause}
	if reason, refused := refusal(porcelain); refused {
		e.Kind = kindOfRefusal(reason, host)
		e.Message = CleanLines(strings.Join(append(host, reason), "\n"))
		return e
	}
	e.Kind = kindOfText(own)
	if e.Kind == Unknown || e.Kind == Unreachable || e.Kind == Broken {
		// Hosts say "Repository not found." in their own words before they hang up.
		if k := kindOfText(host); k == NoRepository || k == Authentication || k == Quota {
			e.Kind = k
		}
	}
	e.Message = CleanLines(strings.Join(append(host, telling(own)...), "\n"))
	return e
}

// reachTime bounds the look at why there is no connection.
const reachTime = 2 * time.Second

// reach finds out what git's "Couldn't connect to server" means: curl says the same of a
// port where nobody listens and of a network that isn't there.
func reach(ctx context.Context, u URL) Kind {
	dialer := net.Dialer{Timeout: reachTime}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.host, orPort443(u.port)))
	if err == nil {
		conn.Close()
		return Unreachable // git went by a proxy
	}
	return kindOfError(err)
}

// telling leaves out progress and the advice that git gives to people who typed it.
func telling(lines []string) []string {
	var out []string
	for _, line := range lines {
		noise := strings.HasPrefix(line, "hint:") || strings.HasPrefix(line, "warning:") || strings.HasPrefix(line, "From ") ||
			strings.HasPrefix(line, "Please make sure") || strings.HasPrefix(line, "and the repository exists") ||
			strings.HasPrefix(line, "error: failed to push some refs") || strings.HasPrefix(line, "Warning: Permanently added") ||
			strings.HasPrefix(line, "@@@") || strings.Contains(line, "done.")
		if !noise {
			out = append(out, strings.TrimPrefix(strings.TrimPrefix(line, "fatal: "), "error: "))
		}
	}
	return out
}

// refusal finds the reason in git push --porcelain: "!<tab>from:to<tab>[how] (reason)".
func refusal(porcelain []byte) (reason string, refused bool) {
	for line := range strings.Lines(string(porcelain)) {
		fields := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		if len(fields) == 3 && fields[0] == "!" {
			return fields[2], true
		}
	}
	return "", false
}

// moves are the ways in which git says that somebody else was faster.
func moves() []string {
	return []string{
		"stale info", "fetch first", "non-fast-forward", "needs force", "cannot lock ref", "failed to update ref", "failed to lock",
		"incorrect old value", "reference already exists", "remote ref updated since checkout", "is at ",
	}
}

// kindOfRefusal tells why a host didn't take a push. [rejected] is git's own verdict,
// [remote rejected] the host's.
func kindOfRefusal(reason string, host []string) Kind {
	for _, text := range moves() {
		if strings.Contains(reason, text) {
			return Moved
		}
	}
	if isQuota(append(slices.Clone(host), reason)) {
		return Quota
	}
	return Rejected
}

func isQuota(lines []string) bool {
	for _, line := range lines {
		line = strings.ToLower(line)
		for _, text := range []string{"quota", "no space left", "disk full", "size limit", "exceeds the limit", "too large", "storage limit"} {
			if strings.Contains(line, text) {
				return true
			}
		}
	}
	return false
}
