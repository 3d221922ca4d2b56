package remote

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScrubLeavesNothingThatRedirectsGit(t *testing.T) {
	got := scrub([]string{
		"HOME=/h", "PATH=/bin", "GIT_DIR=/evil", "GIT_INDEX_FILE=x", "GIT_OBJECT_DIRECTORY=x", "GIT_NAMESPACE=x", "GIT_WORK_TREE=x",
		"GIT_CONFIG_PARAMETERS='core.hooksPath=/evil'", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=a.b", "GIT_CONFIG_VALUE_0=c", "GIT_TRACE=1",
		"GIT_TRACE_CURL=1", "GIT_ALLOW_PROTOCOL=ext", "GIT_PROXY_COMMAND=x", "GIT_ALTERNATE_OBJECT_DIRECTORIES=x", "GIT_EXTERNAL_DIFF=x",
		"SECR_TOKEN=secret", "SECR_PASSPHRASE=secret", "LC_ALL=de_DE", "LANGUAGE=de", "GIT_SSH_COMMAND=ssh -v", "GIT_ASKPASS=/ask", "SSH_AUTH_SOCK=/s",
	}, PromptPrograms)
	want := []string{
		"HOME=/h", "PATH=/bin", "GIT_SSH_COMMAND=ssh -v", "GIT_ASKPASS=/ask", "SSH_AUTH_SOCK=/s",
		"LC_ALL=C", "GIT_ADVICE=0", "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	never := scrub([]string{"GIT_ASKPASS=/ask", "SSH_ASKPASS=/ask", "SSH_ASKPASS_REQUIRE=force"}, PromptNever)
	if slices.Contains(never, "GIT_ASKPASS=/ask") || slices.Contains(never, "SSH_ASKPASS=/ask") || !slices.Contains(never, "GIT_ASKPASS=") {
		t.Errorf("an environment that asks nobody still has %q", never)
	}
	if slices.Contains(scrub(nil, PromptTerminal), "GIT_TERMINAL_PROMPT=0") {
		t.Error("a terminal user isn't asked")
	}
}

func TestOnlySettingsForTheRemotesOwnHostAreLent(t *testing.T) {
	u, err := Parse("https://git.example.com/team/app", FromProject, "")
	if err != nil {
		t.Fatal(err)
	}
	settings := []string{
		"http.extraheader\nAuthorization: basic unscoped",
		"http.https://git.example.com/.extraheader\nAuthorization: basic ours",
		"http.https://git.example.com:443/team.sslcainfo\n/ca.pem",
		"http.https://git.example.com.evil.org/.extraheader\nx",
		"http.https://*.example.com/.extraheader\nx",
		"http.http://git.example.com/.extraheader\nx",
		"http.https://git.example.com:8443/.extraheader\nx",
		"http.https://git.example.com/.proxy\nhttp://evil:8080",
		"http.https://git.example.com/.sslverify\nfalse",
		"http.https://git.example.com/.cookiefile\n/etc/x",
		"credential.helper\n!evil",
		"credential.https://git.example.com.helper\n!evil",
		"credential.https://git.example.com.helper\n/tmp/evil",
		"credential.https://git.example.com.helper\nstore; evil",
		"credential.https://git.example.com.helper\nstore --file=$(evil)",
		"credential.https://git.example.com.helper\n",
		"credential.https://git.example.com.helper\nstore --file=/a/b",
		"credential.https://git.example.com.helper\ncache --timeout 30",
		"credential.https://git.example.com.username\nbot",
		"credential.https://evil.org.username\nbot",
		"credential.usehttppath\ntrue",
	}
	got, refused := lendable([]byte(strings.Join(settings, "\x00")+"\x00"), u)
	want := []pair{
		{"http.https://git.example.com/.extraheader", "Authorization: basic ours"},
		{"http.https://git.example.com:443/team.sslcainfo", "/ca.pem"},
		{"credential.https://git.example.com.helper", ""},
		{"credential.https://git.example.com.helper", "store --file=/a/b"},
		{"credential.https://git.example.com.helper", "cache --timeout 30"},
		{"credential.https://git.example.com.username", "bot"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(pair{})); diff != "" {
		t.Errorf("lent (-want +got):\n%s", diff)
	}
	for _, name := range []string{"proxy", "sslverify", "cookiefile", "helper"} {
		if !slices.ContainsFunc(refused, func(s string) bool { return strings.HasSuffix(s, name) }) {
			t.Errorf("nobody is told that %s is not honoured: %q", name, refused)
		}
	}
}

func TestGitsWordsAreUnderstood(t *testing.T) {
	for text, want := range map[string]Kind{
		"fatal: unable to access 'https://nowhere.invalid/x/': Could not resolve host: nowhere.invalid":                                                       NoHost,
		"ssh: Could not resolve hostname nowhere.invalid: Name or service not known\nfatal: Could not read from remote repository.":                           NoHost,
		"fatal: unable to access 'https://h/x/': Failed to connect to h port 443 after 1 ms: Couldn't connect to server":                                      Refused,
		"ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.":                                                   Refused,
		"ssh: connect to host h port 22: No route to host":                                                                                                    Unreachable,
		"ssh: connect to host h port 22: Network is unreachable":                                                                                              Unreachable,
		"ssh: connect to host h port 22: Connection timed out":                                                                                                Timeout,
		"kex_exchange_identification: Connection closed by remote host":                                                                                       Unreachable,
		"No ED25519 host key is known for h and you have requested strict checking.\nHost key verification failed.":                                           UnknownHostKey,
		"@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed.":                                                          ChangedHostKey,
		"git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.":                                                                Authentication,
		"fatal: could not read Username for 'https://h': terminal prompts disabled":                                                                           Authentication,
		"fatal: Authentication failed for 'https://h/x/'":                                                                                                     Authentication,
		"remote: Invalid credentials\nfatal: unable to access 'https://h/x/': The requested URL returned error: 403":                                          Authentication,
		"fatal: unable to access 'https://h/x/': server certificate verification failed. CAfile: none CRLfile: none":                                          Certificate,
		"fatal: unable to access 'https://h/x/': SSL certificate problem: unable to get local issuer certificate":                                             Certificate,
		"remote: Repository not found.\nfatal: repository 'https://h/x/' not found":                                                                           NoRepository,
		"ERROR: Repository not found.\nfatal: Could not read from remote repository.":                                                                         NoRepository,
		"remote: The project you were looking for could not be found or you don't have permission to view it.\nfatal: Could not read from remote repository.": NoRepository,
		"fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote repository.":                                                   NoRepository,
		"fatal: couldn't find remote ref refs/heads/secr/vault":                                                                                               NoBranch,
		"error: RPC failed; HTTP 413 curl 22 The requested URL returned error: 413":                                                                           Quota,
		"fatal: unable to access 'https://h/x/': The requested URL returned error: 429":                                                                       Quota,
		"fatal: unable to access 'https://h/x/': The requested URL returned error: 502":                                                                       Unreachable,
		"fatal: attempting to allocate 1073741824 over limit 33554432\nfatal: fetch-pack: invalid index-pack output":                                          TooMuch,
		"fatal: early EOF\nfatal: fetch-pack: invalid index-pack output":                                                                                      Broken,
		"fatal: protocol error: bad line length character: HTTP":                                                                                              Broken,
		"fatal: transport 'ext' not allowed":                                                                                                                  Unsupported,
		"remote: Host key verification failed\nfatal: strange":                                                                                                Unknown,
	} {
		err := explain(URL{}, strings.Split(text, "\n"), nil, nil)
		if got := KindOf(err); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

func TestRefusalsOfAPushAreUnderstood(t *testing.T) {
	for reason, want := range map[string]Kind{
		"[rejected] (stale info)": Moved, "[rejected] (fetch first)": Moved, "[rejected] (non-fast-forward)": Moved,
		"[remote rejected] (cannot lock ref 'refs/heads/secr/vault': is at 12 but expected 34)": Moved,
		"[remote rejected] (failed to update ref)":                                              Moved, "[remote rejected] (incorrect old value provided)": Moved,
		"[remote rejected] (pre-receive hook declined)": Rejected, "[remote rejected] (protected branch hook declined)": Rejected,
		"[remote rejected] (deny updating a hidden ref)": Rejected, "[remote rejected] (unpacker error)": Rejected,
	} {
		porcelain := []byte("To https://h/x\n!\tabc:refs/heads/secr/vault\t" + reason + "\nDone\n")
		if got := KindOf(explain(URL{}, nil, porcelain, nil)); got != want {
			t.Errorf("%q is %q, want %q", reason, got, want)
		}
	}
	porcelain := []byte("!\tabc:refs/heads/secr/vault\t[remote rejected] (pre-receive hook declined)\n")
	err := explain(URL{}, []string{"remote: over its size limit", "error: failed to push some refs"}, porcelain, nil)
	if KindOf(err) != Quota {
		t.Errorf("%v is not a full quota", err)
	}
}

// TestGitIsAskedWhereTheProjectMayHaveSomethingToLend, wherever git would find its settings.
func TestGitIsAskedWhereTheProjectMayHaveSomethingToLend(t *testing.T) {
	folder := t.TempDir()
	real := filepath.Join(folder, "real", ".git")
	if err := os.MkdirAll(filepath.Join(folder, "linked", "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(real, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, filepath.Join(folder, "linked", ".git")); err != nil {
		t.Skip(err)
	}
	for text, want := range map[string]bool{
		"[core]\n\tbare = false\n": false, "": false,
		"[HTTP \"https://x/\"]\n\textraHeader = a\n": true, "[core][credential]\n": true, "[includeIf \"gitdir:/\"]\n\tpath = x\n": true,
		"[extensions]\n\tworktreeConfig = true\n": true,
	} {
		if err := os.WriteFile(filepath.Join(real, "config"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, project := range []string{filepath.Dir(real), filepath.Join(folder, "linked"), filepath.Join(folder, "linked", "below")} {
			if got := mayLend(project); got != want {
				t.Errorf("%q in %s: %v", text, project, got)
			}
		}
	}
	if mayLend(folder) {
		t.Error("git is asked where there is no repository")
	}
}
