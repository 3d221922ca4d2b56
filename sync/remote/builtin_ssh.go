package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshService is one command on an ssh host.
type sshService struct {
	t      *transfer
	client *ssh.Client
	stdin  io.WriteCloser
	stdout io.Reader
	stop   func() bool
}

func (t *transfer) openSSH(ctx context.Context, name string) (service, error) {
	t.noteSSH()
	config, done, err := t.sshConfig(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	port := t.url.port
	if port == "" {
		port = "22"
	}
	dialer := net.Dialer{Timeout: connectTime}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(t.url.host, port))
	if err != nil {
		return nil, err
	}
	// From here on the end of the step closes the connection, whoever waits on it.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	inner, channels, requests, err := ssh.NewClientConn(conn, net.JoinHostPort(t.url.host, port), config)
	if err != nil {
		stop()
		conn.Close()
		return nil, err
	}
	s := &sshService{t: t, client: ssh.NewClient(inner, channels, requests), stop: stop}
	if err := s.start(name); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *sshService) start(name string) error {
	session, err := s.client.NewSession()
	if err != nil {
		return err
	}
	said := &transcript{progress: s.t.b.o.Progress}
	session.Stderr = said
	s.t.said = func() []string {
		_ = session.Wait() // how it ended is known already; this waits for the copying
		return said.lines()
	}
	if s.stdin, err = session.StdinPipe(); err != nil {
		return err
	}
	stdout, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	s.stdout = s.t.pulse.reader(stdout)
	path := s.t.url.path
	if strings.HasPrefix(path, "/~") {
		path = path[1:] // ssh://host/~user/repository, as git reads it
	}
	return session.Start(name + " " + shellQuote(path))
}

// shellQuote is for the remote's shell, also for csh, which looks at exclamation marks.
func shellQuote(s string) string {
	return "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(s) + "'"
}

func (s *sshService) greeting(context.Context) (io.Reader, error) { return s.stdout, nil }

func (s *sshService) exchange(_ context.Context, request io.Reader) (io.Reader, error) {
	_, err := io.Copy(s.stdin, s.t.pulse.reader(request))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	// On EOF the host stopped reading; its answer says why.
	if err := s.stdin.Close(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return s.stdout, nil
}

func (s *sshService) close() {
	s.stop()
	s.client.Close()
}

// sshConfig collects who we are and whom we trust. The returned function lets the agent go.
func (t *transfer) sshConfig(ctx context.Context) (*ssh.ClientConfig, func(), error) {
	o := t.b.o.SSH
	files := slices.DeleteFunc(slices.Clone(o.KnownHosts), func(f string) bool {
		_, err := os.Stat(f)
		return errors.Is(err, fs.ErrNotExist)
	})
	known, err := knownhosts.New(files...)
	if err != nil {
		return nil, nil, fmt.Errorf("known hosts: %w", err)
	}
	user := t.url.user
	if user == "" {
		user = o.User
	}
	methods, done := t.sshMethods(ctx)
	if len(methods) == 0 {
		done()
		return nil, nil, &Error{Kind: Authentication, URL: t.url.String(), Message: "there is no ssh agent and no key file to use"}
	}
	config := &ssh.ClientConfig{User: user, Auth: methods, HostKeyCallback: known, Timeout: connectTime, ClientVersion: "SSH-2.0-secr"}
	config.HostKeyAlgorithms = algorithms(known, t.url)
	return config, done, nil
}

// algorithms are those of the keys on record for the host, so that it shows one of
// these and not another that nobody has seen.
func algorithms(known ssh.HostKeyCallback, u URL) []string {
	port := u.port
	if port == "" {
		port = "22"
	}
	var missing *knownhosts.KeyError
	address := net.JoinHostPort(u.host, port)
	err := known(address, &net.TCPAddr{IP: net.ParseIP(u.host)}, noKey{})
	if !errors.As(err, &missing) {
		return nil
	}
	var out []string
	for _, k := range missing.Want {
		names := []string{k.Key.Type()}
		if k.Key.Type() == ssh.KeyAlgoRSA {
			names = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		for _, name := range names {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// noKey is a host key that no host has.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return nil }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("not a key") }

// sshMethods are the agent's keys and then the key files.
func (t *transfer) sshMethods(ctx context.Context) ([]ssh.AuthMethod, func()) {
	done := func() {}
	var methods []ssh.AuthMethod
	if t.b.o.SSH.Agent != "" {
		var d net.Dialer
		if conn, err := d.DialContext(ctx, "unix", t.b.o.SSH.Agent); err == nil {
			done = func() { conn.Close() }
			methods = append(methods, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
		} else {
			t.b.o.Note("the ssh agent doesn't answer")
		}
	}
	var signers []ssh.Signer
	for _, file := range t.b.o.SSH.Keys {
		if signer := t.readKey(ctx, file); signer != nil {
			signers = append(signers, signer)
		}
	}
	if len(signers) > 0 {
		methods = append(methods, ssh.PublicKeys(signers...))
	}
	return methods, done
}

// readKey reads a key file. One that isn't there is not worth a word; one that can't be
// used is.
func (t *transfer) readKey(ctx context.Context, file string) ssh.Signer {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	signer, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) && t.b.o.SSH.Passphrase != nil {
		passphrase, asked := t.b.o.SSH.Passphrase(ctx, file)
		if asked != nil {
			err = asked
		} else {
			signer, err = ssh.ParsePrivateKeyWithPassphrase(text, passphrase.Reveal())
		}
		t.pulse.beat()
	}
	if err != nil {
		t.b.o.Note("the ssh key " + file + " can't be used: " + Clean(err.Error()))
		return nil
	}
	return signer
}
