package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Op is what the helper is asked to do with a key.
type Op string

// Wrap encrypts a file key under the cloud key, Unwrap opens it again.
const (
	Wrap   Op = "wrap"
	Unwrap Op = "unwrap"
)

// Call is one operation on one key. Data is the plaintext (Wrap, at most 64 bytes)
// or the provider's ciphertext (Unwrap).
type Call struct {
	Op      Op      `json:"op"`
	Key     Key     `json:"key"`
	Context Context `json:"context"`
	Data    []byte  `json:"data"`
}

// Limits bound the time of each call. The SDKs' own defaults are minutes.
type Limits struct {
	Connect time.Duration `json:"connect"` // to the first connection
	Total   time.Duration `json:"total"`   // of the whole call
}

// DefaultLimits are 3 s to the first connection and 10 s in all.
func DefaultLimits() Limits { return Limits{Connect: 3 * time.Second, Total: 10 * time.Second} }

// Request is what the helper reads: one JSON object, then the end of its input.
type Request struct {
	Version   string              `json:"version"`
	Limits    Limits              `json:"limits"`
	Endpoints map[Provider]string `json:"endpoints,omitempty"` // from the user's settings only
	Profile   string              `json:"profile,omitempty"`   // AWS profile, from the user's settings only
	Calls     []Call              `json:"calls"`
}

// Result is what became of one call: Data or Error.
type Result struct {
	Data  []byte `json:"data,omitempty"`
	Error *Error `json:"error,omitempty"`
}

// Response is what the helper writes: a result for each call, in their order.
type Response struct {
	Version string   `json:"version"`
	Results []Result `json:"results"`
}

// The most that either side reads, and the most calls in one request.
const (
	maxMessageBytes = 4 << 20
	maxCalls        = 1024
)

// Client is one provider's client for one key.
type Client interface {
	Wrap(ctx context.Context, c Context, plaintext []byte) ([]byte, error)
	Unwrap(ctx context.Context, c Context, ciphertext []byte) ([]byte, error)
}

// Options are what a provider needs to make a Client.
type Options struct {
	Key      Key
	Limits   Limits
	Endpoint string // instead of the provider's own; "" is that one
	Profile  string
}

// Opener makes the Client of a key.
type Opener func(ctx context.Context, o Options) (Client, error)

// Serve is the helper: it reads one Request from in, does its calls in parallel
// and writes the Response to out. It fails only if there is no request to answer.
func Serve(ctx context.Context, in io.Reader, out io.Writer, version string, open Opener) error {
	var request Request
	if err := json.NewDecoder(io.LimitReader(in, maxMessageBytes)).Decode(&request); err != nil {
		return fmt.Errorf("secr-kms: reading the request: %w", err)
	}
	response := Response{Version: version}
	if request.Version == version {
		if len(request.Calls) > maxCalls {
			return fmt.Errorf("secr-kms: %d calls in one request, %d at most", len(request.Calls), maxCalls)
		}
		response.Results = serveAll(ctx, request, open)
	}
	return json.NewEncoder(out).Encode(response)
}

func serveAll(ctx context.Context, r Request, open Opener) []Result {
	results := make([]Result, len(r.Calls))
	var wait sync.WaitGroup
	for i, call := range r.Calls {
		wait.Go(func() {
			options := Options{Key: call.Key, Limits: r.Limits, Endpoint: r.Endpoints[call.Key.Provider], Profile: r.Profile}
			data, err := serveOne(ctx, call, options, open)
			results[i] = result(call.Key, data, err)
		})
	}
	wait.Wait()
	return results
}

func serveOne(ctx context.Context, call Call, o Options, open Opener) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Limits.Total)
	defer cancel()
	client, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	switch call.Op {
	case Wrap:
		return client.Wrap(ctx, call.Context, call.Data)
	case Unwrap:
		return client.Unwrap(ctx, call.Context, call.Data)
	}
	return nil, &Error{Key: call.Key, Class: Failed, Message: fmt.Sprintf("unknown operation %q", call.Op)}
}

func result(key Key, data []byte, err error) Result {
	if err == nil {
		return Result{Data: data}
	}
	var known *Error
	if errors.As(err, &known) {
		return Result{Error: &Error{Key: key, Class: known.Class, Message: shorten(known.Message)}}
	}
	class := Failed
	if errors.Is(err, context.DeadlineExceeded) {
		class = Unreachable
	}
	return Result{Error: &Error{Key: key, Class: class, Message: shorten(err.Error())}}
}
