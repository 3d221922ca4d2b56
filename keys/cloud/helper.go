package cloud

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// ErrNoHelper says that secr-kms is not installed beside secr.
var ErrNoHelper = errors.New("secr-kms is missing: it is installed beside secr, by \"go install github.com/secr/secr/cmd/...\" or by the package that brought secr")

// VersionError says that the helper is of another version than secr.
type VersionError struct{ Want, Have string }

func (e *VersionError) Error() string {
	return fmt.Sprintf("secr-kms is version %q and secr is version %q: install both from the same release", e.Have, e.Want)
}

// Helper starts secr-kms.
type Helper struct {
	Path      string              // absolute: never looked up in PATH or the current folder
	Version   string              // the one that secr has and the helper must have
	Limits    Limits              // of each call
	Endpoints map[Provider]string // from the user's settings
	Profile   string              // AWS profile from the user's settings
	Environ   []string            // the helper's environment: the SDKs find credentials there
}

// Locate finds the helper beside executable, which is an absolute path with its
// links resolved. It fails with ErrNoHelper if it isn't there.
func Locate(executable string) (string, error) {
	if !filepath.IsAbs(executable) {
		return "", fmt.Errorf("secr-kms: the path of secr is not absolute: %q", executable)
	}
	name := "secr-kms"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(filepath.Dir(executable), name)
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "", ErrNoHelper
	}
	return path, nil
}

// Do has the helper make the calls, all at once, in one process. The results are
// in the calls' order; an error means that there are none.
func (h Helper) Do(ctx context.Context, calls []Call) ([]Result, error) {
	request, err := json.Marshal(Request{Version: h.Version, Limits: h.Limits, Endpoints: h.Endpoints, Profile: h.Profile, Calls: calls})
	if err != nil {
		return nil, fmt.Errorf("secr-kms: %w", err)
	}
	out, err := h.run(ctx, request)
	if err != nil {
		return nil, err
	}
	var response Response
	if err := json.Unmarshal(out, &response); err != nil {
		return nil, fmt.Errorf("secr-kms: its answer can't be read: %w", err)
	}
	if response.Version != h.Version {
		return nil, &VersionError{Want: h.Version, Have: response.Version}
	}
	if len(response.Results) != len(calls) {
		return nil, fmt.Errorf("secr-kms: %d answers to %d calls", len(response.Results), len(calls))
	}
	return response.Results, nil
}

// startTime is what the helper may take to start, on a machine that is busy.
const startTime = 20 * time.Second

// run starts the helper in its own folder, so that nothing of the current one can
// reach it, with request as its input.
func (h Helper) run(ctx context.Context, request []byte) ([]byte, error) {
	// The helper keeps the limits itself; this one is for a helper that hangs.
	ctx, cancel := context.WithTimeout(ctx, h.Limits.Total+startTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.Path)
	cmd.Dir = filepath.Dir(h.Path)
	cmd.Env = h.Environ
	cmd.Stdin = bytes.NewReader(request)
	out, stderr := bounded{limit: maxMessageBytes}, bounded{limit: maxMessage * 4}
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, ErrNoHelper
	case ctx.Err() != nil:
		return nil, fmt.Errorf("secr-kms: %w", ctx.Err())
	case err != nil:
		return nil, fmt.Errorf("secr-kms: %w: %s", err, shorten(stderr.String()))
	}
	return out.Bytes(), nil
}

// bounded is a buffer that drops what is over its limit.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := b.limit - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

var _ io.Writer = (*bounded)(nil)
