package remote

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/secr/secr/keys"
)

// Builtin is the transport that needs no git program, for containers that have none. It
// speaks https, ssh and folders. It reads no git and no ssh configuration: no credential
// helpers, no insteadOf, no ProxyJump, no host aliases. It says so through Note where
// such settings are there.
type Builtin struct {
	o    BuiltinOptions
	pack packInto // for many objects into a folder; nil: they are written one by one
}

// BuiltinOptions say how hosts are reached.
type BuiltinOptions struct {
	Project  string                                          // a folder in the project, to tell which of its settings don't count
	Roots    *x509.CertPool                                  // authorities for https; nil: the system's
	Proxy    func(*http.Request) (*url.URL, error)           // nil: none
	Login    func(ctx context.Context, u URL) (Login, error) // asked when an https host wants to know; may be nil
	SSH      SSHOptions
	Progress func(line string)
	Note     func(text string)
}

// SSHOptions are what an ssh connection of the built-in transport goes by.
type SSHOptions struct {
	User       string                                                      // for addresses that name none
	Agent      string                                                      // socket of an agent; empty: none
	Keys       []string                                                    // private key files, those that exist are tried in order
	KnownHosts []string                                                    // files
	Config     string                                                      // an ssh_config, which is not read; a note says so if it exists
	Passphrase func(ctx context.Context, file string) (keys.Secret, error) // may be nil
}

// NewBuiltin makes the transport. It opens nothing yet.
func NewBuiltin(o BuiltinOptions) *Builtin {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	return &Builtin{o: o}
}

// The two services of a Git host.
const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// service is a conversation with a host: it speaks first, then there is one request and
// one answer.
type service interface {
	greeting(ctx context.Context) (io.Reader, error)
	exchange(ctx context.Context, request io.Reader) (io.Reader, error)
	close()
}

// transfer is one step with its limits.
type transfer struct {
	b      *Builtin
	url    URL
	limits Limits
	pulse  *pulse
	said   func() []string // what the host wrote beside the protocol, once it is closed; may be nil
}

// begin starts a step. The returned function ends it and gives its error a kind.
func (b *Builtin) begin(ctx context.Context, u URL, l Limits) (context.Context, *transfer, func(error) error) {
	l = l.orDefault()
	ctx, cancel := context.WithTimeoutCause(ctx, l.Time, errTime)
	ctx, stop := context.WithCancelCause(ctx)
	t := &transfer{b: b, url: u, limits: l, pulse: newPulse(l.Idle, func() { stop(errIdle) })}
	return ctx, t, func(err error) error {
		cause := context.Cause(ctx)
		t.pulse.stop()
		stop(nil)
		cancel()
		return t.classify(err, cause)
	}
}

func (t *transfer) open(ctx context.Context, name string) (service, error) {
	if t.url.scheme == SSH {
		return t.openSSH(ctx, name)
	}
	return t.openHTTP(name), nil
}

// greet opens a service and reads its refs.
func (t *transfer) greet(ctx context.Context, name string, wanted func(string) bool) (service, advertisement, error) {
	s, err := t.open(ctx, name)
	if err != nil {
		return nil, advertisement{}, err
	}
	r, err := s.greeting(ctx)
	if err != nil {
		s.close()
		return nil, advertisement{}, err
	}
	a, err := readAdvertisement(newPackets(r), wanted, t.limits.Refs)
	if err == nil {
		err = a.usable()
	}
	if err != nil {
		s.close()
		return nil, advertisement{}, err
	}
	return s, a, nil
}

// List asks the host for its refs.
func (b *Builtin) List(ctx context.Context, q List) (refs map[string]Hash, err error) {
	for _, ref := range q.Refs {
		if err := checkRef(ref); err != nil {
			return nil, err
		}
	}
	ctx, t, end := b.begin(ctx, q.URL, q.Limits)
	defer func() { err = end(err) }()
	if q.URL.scheme == File {
		return t.listFolder(q)
	}
	s, a, err := t.greet(ctx, uploadPack, q.wanted)
	if err != nil {
		return nil, err
	}
	defer s.close()
	return a.refs, nil
}

// Fetch brings the branch as one pack, which the quarantine checks object by object.
func (b *Builtin) Fetch(ctx context.Context, f Fetch) (tip Hash, err error) {
	if err := checkRef(f.Ref); err != nil {
		return Hash{}, err
	}
	ctx, t, end := b.begin(ctx, f.URL, f.Limits)
	defer func() { err = end(err) }()
	if f.URL.scheme == File {
		return t.fetchFolder(ctx, f)
	}
	s, a, err := t.greet(ctx, uploadPack, func(name string) bool { return name == f.Ref })
	if err != nil {
		return Hash{}, err
	}
	defer s.close()
	tip, ok := a.refs[f.Ref]
	switch {
	case !ok:
		return Hash{}, &Error{Kind: NoBranch, URL: f.URL.String(), Message: f.Ref}
	case a.shallow:
		return Hash{}, &Error{Kind: Broken, URL: f.URL.String(), Message: "the remote has only a part of the history (it is a shallow clone)"}
	}
	if here, err := f.Into.Repo().Has(tip); err != nil || here {
		return tip, err
	}
	r, err := s.exchange(ctx, strings.NewReader(wants(a, tip, f.Have)))
	if err != nil {
		return Hash{}, err
	}
	pack, err := answer(newPackets(r), b.o.Progress)
	if err != nil {
		return Hash{}, err
	}
	return tip, t.importPack(ctx, f.Into, pack)
}

// wants is the request for one commit and what it needs beyond what is here.
func wants(a advertisement, tip Hash, have []Hash) string {
	var b strings.Builder
	b.WriteString(packet("want %s%s\n", tip, a.pick("multi_ack_detailed", "side-band-64k", "ofs-delta")))
	b.WriteString(flushPacket)
	for _, h := range have {
		b.WriteString(packet("have %s\n", h))
	}
	b.WriteString(packet("done\n"))
	return b.String()
}

// answer skips the acknowledgements and returns the pack.
func answer(p *packets, progress func(string)) (io.Reader, error) {
	for {
		start, err := p.r.Peek(4)
		if err != nil {
			return nil, noEOF(err)
		}
		if string(start) == "PACK" {
			return p.r, nil // a host without side bands
		}
		data, err := p.next()
		if errors.Is(err, errFlush) {
			continue
		}
		if err != nil {
			return nil, noEOF(err)
		}
		if text := string(data); strings.HasPrefix(text, "ACK ") || strings.HasPrefix(text, "NAK") || strings.HasPrefix(text, "shallow ") {
			continue
		}
		s := newSideband(p, progress)
		return s, s.first(data)
	}
}

// Push sends the objects that the remote lacks and asks it to move the branch.
func (b *Builtin) Push(ctx context.Context, p Push) (err error) {
	if err := checkRef(p.Ref); err != nil {
		return err
	}
	if p.Old == p.New {
		return nil
	}
	ctx, t, end := b.begin(ctx, p.URL, p.Limits)
	defer func() { err = end(err) }()
	if p.URL.scheme == File {
		return t.pushFolder(ctx, p)
	}
	s, a, err := t.greet(ctx, receivePack, func(name string) bool { return strings.HasPrefix(name, "refs/") })
	if err != nil {
		return err
	}
	defer s.close()
	if a.refs[p.Ref] != p.Old {
		return &Error{Kind: Moved, URL: p.URL.String()}
	}
	if p.New == (Hash{}) && !a.capabilities["delete-refs"] {
		return &Error{Kind: Unsupported, URL: p.URL.String(), Message: "the host deletes no branches"}
	}
	capabilities := a.pick("report-status", "side-band-64k", "ofs-delta", "delete-refs")
	command := packet("%s %s %s\x00%s", p.Old, p.New, p.Ref, capabilities) + flushPacket
	request, err := t.pushRequest(ctx, command, p, a.refs)
	if err != nil {
		return err
	}
	defer request.Close()
	r, err := s.exchange(ctx, request)
	if err != nil {
		return err
	}
	return t.report(newPackets(r), a, p)
}

// report reads what became of a push.
func (t *transfer) report(p *packets, a advertisement, push Push) error {
	if !a.capabilities["report-status"] {
		return fmt.Errorf("%w: it doesn't say what became of the push", errRemote)
	}
	said := &transcript{progress: func(string) {}}
	if a.capabilities["side-band-64k"] {
		s := newSideband(p, t.b.o.Progress)
		said, p = s.said, newPackets(s)
	}
	unpacked := false
	for {
		line, err := p.line()
		switch {
		case errors.Is(err, errFlush), errors.Is(err, io.EOF) && unpacked:
			return fmt.Errorf("%w: it doesn't say what became of the branch", errRemote)
		case err != nil:
			return noEOF(err)
		case line == "unpack ok":
			unpacked = true
		case strings.HasPrefix(line, "unpack "):
			return t.refused(strings.TrimPrefix(line, "unpack "), said.lines())
		case line == "ok "+push.Ref && unpacked:
			return nil
		case strings.HasPrefix(line, "ng "+push.Ref+" "):
			return t.refused(strings.TrimPrefix(line, "ng "+push.Ref+" "), said.lines())
		}
	}
}

func (t *transfer) refused(reason string, host []string) error {
	return &Error{
		Kind: kindOfRefusal(reason, host), URL: t.url.String(),
		Message: CleanLines(strings.Join(append(host, reason), "\n")),
	}
}

// pulse ends a step in which nothing moves. It keeps no clock, only a timer.
type pulse struct {
	idle  time.Duration
	timer *time.Timer
}

func newPulse(idle time.Duration, end func()) *pulse {
	return &pulse{idle: idle, timer: time.AfterFunc(idle, end)}
}

func (p *pulse) beat() { p.timer.Reset(p.idle) }
func (p *pulse) stop() { p.timer.Stop() }

// reader and writer beat whenever bytes pass.
func (p *pulse) reader(r io.Reader) io.Reader { return pulsedReader{p, r} }

type pulsedReader struct {
	p *pulse
	r io.Reader
}

func (r pulsedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if n > 0 {
		r.p.beat()
	}
	return n, err
}
