package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/secr/secr/keys"
)

// Token is an identity that the process was given: the same for every profile,
// and only to be read. The text may end with one line end, as files do.
type Token struct{ text keys.Secret }

// maxToken is far above the length of a token, so that a wrong file is told apart.
const maxToken = 1024

// NewToken takes the text of a token, for example the value of SECR_TOKEN.
func NewToken(text keys.Secret) Token { return Token{text: text} }

// TokenFile reads a token from a file. Whoever mounted it decides who may read it.
func TokenFile(path string) (Token, error) {
	f, err := os.Open(path)
	if err != nil {
		return Token{}, fail(KindToken, "", fmt.Errorf("%w: %w", ErrUnavailable, err))
	}
	defer f.Close()
	return readToken(f)
}

// TokenDescriptor reads a token from an open file descriptor of this process and
// closes it, so that no child inherits it.
func TokenDescriptor(fd uintptr) (Token, error) {
	f := os.NewFile(fd, fmt.Sprintf("descriptor %d", fd))
	if f == nil {
		return Token{}, fail(KindToken, "", fmt.Errorf("%w: %d is no descriptor", ErrUnavailable, fd))
	}
	defer f.Close()
	return readToken(f)
}

func readToken(r io.Reader) (Token, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxToken+1))
	defer clear(text)
	if err != nil {
		return Token{}, fail(KindToken, "", fmt.Errorf("%w: %w", ErrUnavailable, err))
	}
	if len(text) > maxToken {
		return Token{}, fail(KindToken, "", fmt.Errorf("%w: too long for a token", ErrDamaged))
	}
	return Token{text: keys.NewSecret(text)}, nil
}

// Load implements [Store].
func (t Token) Load(ctx context.Context, profile string) (keys.Seed, error) {
	if err := errors.Join(checkProfile(profile), ctx.Err()); err != nil {
		return keys.Seed{}, fail(KindToken, profile, err)
	}
	if t.text.Len() == 0 {
		return keys.Seed{}, fail(KindToken, profile, ErrNotFound)
	}
	s, err := parseToken(t.text.Reveal())
	return s, fail(KindToken, profile, err)
}

// Save implements [Store]: always [ErrReadOnly].
func (t Token) Save(_ context.Context, profile string, _ keys.Seed) error {
	return fail(KindToken, profile, ErrReadOnly)
}

// Delete implements [Store]: always [ErrReadOnly].
func (t Token) Delete(_ context.Context, profile string) error {
	return fail(KindToken, profile, ErrReadOnly)
}

// parseToken reads what every store keeps: a token, on its own or as a line.
func parseToken(text []byte) (keys.Seed, error) {
	line := bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	s, err := keys.ParseToken(string(line))
	if err != nil {
		return keys.Seed{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return s, nil
}
