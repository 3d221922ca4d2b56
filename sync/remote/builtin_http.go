package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// httpService is Git's smart protocol over https.
type httpService struct {
	t      *transfer
	name   string
	client *http.Client
	base   string // where the repository is, after redirects
	origin string // scheme and host that the login was given for
	login  Login
	bodies []io.Closer
}

// maxRedirects is how many redirects the first request follows. Others follow none.
const maxRedirects = 5

// connectTime bounds the making of a connection.
const connectTime = 20 * time.Second

func (t *transfer) openHTTP(name string) *httpService {
	t.noteHTTP()
	transport := &http.Transport{
		Proxy: t.b.o.Proxy, TLSClientConfig: &tls.Config{RootCAs: t.b.o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: connectTime, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
	}
	s := &httpService{t: t, name: name, base: t.url.String(), origin: "https://" + t.url.Host(), login: t.url.login}
	s.client = &http.Client{Transport: transport, CheckRedirect: s.redirect}
	return s
}

// redirect follows hosts that moved a repository, to https only, and leaves the login
// behind when the host changes.
func (s *httpService) redirect(r *http.Request, via []*http.Request) error {
	switch {
	case r.Method != http.MethodGet:
		return errors.New("the host redirects a request that can't be redirected")
	case len(via) > maxRedirects:
		return errors.New("the host redirects too often")
	case r.URL.Scheme != "https":
		return fmt.Errorf("the host redirects to %s", Clean(r.URL.Scheme))
	}
	r.Header.Del("Authorization")
	s.authorize(r)
	return nil
}

// authorize adds the login for its own host only.
func (s *httpService) authorize(r *http.Request) {
	if !s.login.IsZero() && "https://"+r.URL.Host == s.origin {
		r.Header.Set("Authorization", s.login.header())
	}
}

func (s *httpService) greeting(ctx context.Context) (io.Reader, error) {
	response, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusUnauthorized && s.login.IsZero() && s.t.b.o.Login != nil {
		response.Body.Close()
		s.t.pulse.beat()
		if s.login, err = s.t.b.o.Login(ctx, s.t.url); err != nil {
			return nil, &Error{Kind: Authentication, URL: s.t.url.String(), Err: err}
		}
		if response, err = s.get(ctx); err != nil {
			return nil, err
		}
	}
	s.bodies = append(s.bodies, response.Body)
	if err := s.status(response); err != nil {
		return nil, err
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/x-"+s.name+"-advertisement" {
		return nil, &Error{Kind: Broken, URL: s.t.url.String(), Message: "this is not a Git host: it answers with " + Clean(kind)}
	}
	suffix := "/info/refs"
	if !strings.HasSuffix(response.Request.URL.Path, suffix) {
		return nil, &Error{Kind: Broken, URL: s.t.url.String(), Message: "the host redirects to something else"}
	}
	moved := url.URL{Scheme: "https", Host: response.Request.URL.Host, Path: strings.TrimSuffix(response.Request.URL.Path, suffix)}
	s.base = moved.String()
	return s.skipService(response.Body)
}

// skipService reads the packets "# service=name" and flush.
func (s *httpService) skipService(body io.Reader) (io.Reader, error) {
	r := s.t.pulse.reader(body)
	head := packet("# service=%s\n", s.name) + flushPacket
	got := make([]byte, len(head))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != head {
		return nil, errors.New("the host's answer doesn't name the service")
	}
	return r, nil
}

func (s *httpService) get(ctx context.Context) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/info/refs?service="+s.name, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "git/secr") // hosts tell git clients by this prefix
	s.authorize(r)
	return s.client.Do(r)
}

// maxBuffered is how much of a request is collected, so that its length can be told to
// the host. Longer requests go out in chunks.
const maxBuffered = 1 << 20

func (s *httpService) exchange(ctx context.Context, request io.Reader) (io.Reader, error) {
	start, err := io.ReadAll(io.LimitReader(request, maxBuffered+1))
	if err != nil {
		return nil, err
	}
	var body io.Reader = bytes.NewReader(start)
	if len(start) > maxBuffered {
		body = io.MultiReader(bytes.NewReader(start), s.t.pulse.reader(request))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/"+s.name, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "git/secr")
	r.Header.Set("Content-Type", "application/x-"+s.name+"-request")
	r.Header.Set("Accept", "application/x-"+s.name+"-result")
	s.authorize(r)
	response, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	s.bodies = append(s.bodies, response.Body)
	if err := s.status(response); err != nil {
		return nil, err
	}
	return s.t.pulse.reader(response.Body), nil
}

// status turns an http status into an error, with the words of a plain text answer.
func (s *httpService) status(r *http.Response) error {
	if r.StatusCode == http.StatusOK {
		return nil
	}
	e := &Error{Kind: Broken, URL: s.t.url.String(), Message: "http status " + Clean(r.Status)}
	switch code := r.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		e.Kind = Authentication
	case code == http.StatusNotFound || code == http.StatusGone:
		e.Kind = NoRepository
	case code == http.StatusRequestEntityTooLarge || code == http.StatusTooManyRequests || code == http.StatusInsufficientStorage:
		e.Kind = Quota
	case code >= 500:
		e.Kind = Unreachable
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
		text, err := io.ReadAll(io.LimitReader(r.Body, maxMessage))
		if words := CleanLines(string(text)); err == nil && words != "" {
			e.Message += "\n" + words
		}
	}
	return e
}

func (s *httpService) close() {
	for _, b := range s.bodies {
		b.Close()
	}
	s.client.CloseIdleConnections()
}
