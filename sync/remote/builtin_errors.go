package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/secr/secr/vault/repo"
)

// classify gives the error of a step its kind. cause is why the step was ended, if it was.
func (t *transfer) classify(err, cause error) error {
	var done *Error
	switch {
	case err == nil:
		return nil
	case cause != nil:
		return stopped(invocation{url: t.url, limits: t.limits}, cause)
	case errors.As(err, &done):
		return err
	case errors.Is(err, errSize), errors.Is(err, repo.ErrTooLarge):
		return tooMuch(t.url, t.limits)
	}
	if t.said != nil {
		if lines := t.said(); len(lines) > 0 {
			kind := kindOfText(lines)
			if kind == Unknown {
				kind = kindOfError(err)
			}
			return &Error{Kind: kind, URL: t.url.String(), Message: CleanLines(strings.Join(lines, "\n")), Err: err}
		}
	}
	return &Error{Kind: kindOfError(err), URL: t.url.String(), Message: CleanLines(withoutAddress(err)), Err: err}
}

func kindOfError(err error) Kind {
	var (
		dns         *net.DNSError
		key         *knownhosts.KeyError
		revoked     *knownhosts.RevokedError
		certificate *tls.CertificateVerificationError
		authority   x509.UnknownAuthorityError
		network     net.Error
		broken      *net.OpError
	)
	switch {
	case errors.As(err, &dns):
		return NoHost
	case errors.As(err, &key) && len(key.Want) == 0:
		return UnknownHostKey
	case errors.As(err, &key), errors.As(err, &revoked):
		return ChangedHostKey
	case errors.As(err, &certificate), errors.As(err, &authority):
		return Certificate
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case strings.Contains(err.Error(), "ssh: unable to authenticate"): // it has no type
		return Authentication
	case errors.Is(err, errRemote):
		if isQuota([]string{err.Error()}) {
			return Quota
		}
		return kindOfText([]string{err.Error()})
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return Quota
	case errors.Is(err, fs.ErrPermission):
		return Authentication
	case errors.As(err, &broken), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Unreachable
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return Broken
	}
	return Broken
}

// withoutAddress is an error's text without the request that net/http puts before it,
// because the address stands before the message already.
func withoutAddress(err error) string {
	var request interface{ Unwrap() error }
	if text := err.Error(); (strings.HasPrefix(text, "Get \"") || strings.HasPrefix(text, "Post \"")) && errors.As(err, &request) {
		if inner := request.Unwrap(); inner != nil {
			return inner.Error()
		}
	}
	return err.Error()
}

// noteHTTP tells when the project has settings for https that only git would read.
func (t *transfer) noteHTTP() {
	if t.b.o.Project == "" {
		return
	}
	text, err := os.ReadFile(filepath.Join(t.b.o.Project, ".git", "config"))
	if err == nil && (strings.Contains(string(text), "[http") || strings.Contains(string(text), "[credential")) {
		t.b.o.Note("without git the http and credential settings of the project's repository don't count")
	}
}

// noteSSH tells when there is an ssh configuration that only ssh would read.
func (t *transfer) noteSSH() {
	if t.b.o.SSH.Config == "" {
		return
	}
	if _, err := os.Stat(t.b.o.SSH.Config); err == nil {
		t.b.o.Note("without git the settings in " + t.b.o.SSH.Config + " don't count")
	}
}
