package remote

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"

	"github.com/secr/secr/keys"
)

// Login is a user name and password for an https host. The zero Login is none.
type Login struct {
	User     string
	Password keys.Secret
}

// IsZero reports whether l is no login.
func (l Login) IsZero() bool { return l.User == "" && l.Password.Len() == 0 }

// header is the value of an Authorization header. It is secret.
func (l Login) header() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.User+":"+string(l.Password.Reveal())))
}

// parseLogin reads user, or user:password, with percent escapes.
func parseLogin(text string) (Login, error) {
	user, password, _ := strings.Cut(text, ":")
	u, err := url.PathUnescape(user)
	if err != nil {
		return Login{}, errors.New("user name: bad escape")
	}
	p, err := url.PathUnescape(password)
	if err != nil {
		return Login{}, errors.New("password: bad escape")
	}
	if strings.ContainsFunc(u+p, isControl) || strings.Contains(u, ":") {
		return Login{}, errors.New("user name or password: not printable")
	}
	return Login{User: u, Password: keys.NewSecret([]byte(p))}, nil
}
