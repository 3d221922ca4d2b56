package remote

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAddressesThatAreUsed(t *testing.T) {
	type parsed struct {
		Scheme            Scheme
		Text, Host, Place string
		User, Password    string
	}
	for _, c := range []struct {
		raw  string
		from Source
		want parsed
	}{
		{"https://Example.com/team/app.git", FromProject, parsed{HTTPS, "https://example.com/team/app.git", "example.com", "example.com/team/app", "", ""}},
		{"https://example.com:8443/app", FromProject, parsed{HTTPS, "https://example.com:8443/app", "example.com:8443", "example.com/app", "", ""}},
		{"ssh://git@example.com:2222/team/app.git/", FromProject, parsed{SSH, "ssh://git@example.com:2222/team/app.git/", "example.com:2222", "example.com/team/app", "", ""}},
		{"ssh://[::1]/app", FromProject, parsed{SSH, "ssh://[::1]/app", "[::1]", "::1/app", "", ""}},
		{"git@example.com:team/app.git", FromProject, parsed{SSH, "git@example.com:team/app.git", "example.com", "example.com/team/app", "", ""}},
		{"[::1]:app", FromProject, parsed{SSH, "[::1]:app", "[::1]", "::1/app", "", ""}},
		{"work:app", FromProject, parsed{SSH, "work:app", "work", "work/app", "", ""}},
		{"/srv/app.git", FromUser, parsed{File, "/srv/app.git", "", "file:/srv/app", "", ""}},
		{"../app.git", FromUser, parsed{File, "/base/app.git", "", "file:/base/app", "", ""}},
		{"./a:b", FromUser, parsed{File, "/base/here/a:b", "", "file:/base/here/a:b", "", ""}},
		{"file:///srv/app.git", FromUser, parsed{File, "/srv/app.git", "", "file:/srv/app", "", ""}},
		{"https://bot:to%40ken@example.com/app", FromUser, parsed{HTTPS, "https://example.com/app", "example.com", "example.com/app", "bot", "to@ken"}},
	} {
		u, err := Parse(c.raw, c.from, "/base/here")
		if err != nil {
			t.Errorf("%s: %v", c.raw, err)
			continue
		}
		got := parsed{u.Scheme(), u.String(), u.Host(), u.Place(), u.Login().User, string(u.Login().Password.Reveal())}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.raw, diff)
		}
	}
}

func TestAddressesThatAreRefused(t *testing.T) {
	for _, raw := range []string{
		"", "-oProxyCommand=evil", "--upload-pack=evil", "ext::sh -c evil", "fd::3", "transport::https://x/y",
		"http://example.com/app", "git://example.com/app", "ftp://example.com/app", "gopher://x/y",
		"https://user:password@example.com/app", "https://token@example.com/app", "ssh://git:password@example.com/app",
		"ssh://-oProxyCommand=evil/app", "ssh://a@-oProxyCommand=evil/app", "ssh://-oProxyCommand=evil@host/app", "-oProxyCommand=evil@host:app",
		"git@-host:app", "host:-app", "https://example.com", "https:///app", "https://exa mple.com/app", "https://example.com:0/app",
		"https://example.com:99999/app", "https://example.com:443x/app", "https://example.com/app?x=y", "https://example.com/app#x",
		"https://example.com/a\nb", "https://example.com/a\x1b[31m", "git@host:app\u202e", "https://example.com/\xff", "https://..example.com/a",
		"/srv/app.git", "../app.git", "app.git", "file:///srv/app.git", "host:", "ssh://host/", "@ext://sh -c evil", "@https://example.com/app", "@host:app", "https://[::1/app", "https://[zz]/app",
		"https://example.com/" + strings.Repeat("a", 3000),
	} {
		u, err := Parse(raw, FromProject, "/base")
		var bad *URLError
		if !errors.As(err, &bad) || !u.IsZero() {
			t.Errorf("%q was taken from a project: %v, %v", raw, u, err)
		}
	}
	for _, raw := range []string{"file://host/app", "file://app", "file:///srv/%2e", "https://a:b%zz@example.com/app", "ext::sh -c evil", "@ext://sh -c evil", "@host:app", "-x", "https://a%0a:b@example.com/app"} {
		if u, err := Parse(raw, FromUser, "/base"); err == nil {
			t.Errorf("%q was taken from the user: %v", raw, u)
		}
	}
}

func TestNoPasswordOfAnAddressIsPrinted(t *testing.T) {
	u, err := Parse("https://bot:hunter2@example.com/app", FromUser, "")
	if err != nil {
		t.Fatal(err)
	}
	_, bad := Parse("https://bot:hunter2@example.com", FromUser, "")
	_, project := Parse("https://bot:hunter2@example.com/app", FromProject, "")
	for _, text := range []string{fmt.Sprint(u), fmt.Sprintf("%+v %#v %q %s %x", u, u, u, u, u), fmt.Sprintf("%+v", []URL{u}), fmt.Sprintf("%#v", u.Login()), bad.Error(), project.Error()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("%q shows the password", text)
		}
	}
}

// FuzzParse holds that what is accepted is spelled one way, never looks like an option
// and never has a control character.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"https://example.com/a", "git@host:a", "ssh://u@h:22/a", "../a", "[::1]:x", "ext::x", "-x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, from := range []Source{FromProject, FromUser} {
			u, err := Parse(raw, from, "/base")
			if err != nil {
				continue
			}
			text := u.String()
			if strings.HasPrefix(text, "-") || strings.ContainsFunc(text, isControl) || strings.Contains(u.host, "@") {
				t.Fatalf("%q became %q", raw, text)
			}
			again, err := Parse(text, from, "/base")
			if err != nil || again.String() != text {
				t.Fatalf("%q became %q, then %q, %v", raw, text, again.String(), err)
			}
			if from == FromProject && (u.scheme == File || !u.login.IsZero()) {
				t.Fatalf("%q from a project became %q", raw, text)
			}
		}
	})
}
