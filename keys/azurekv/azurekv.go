// Package azurekv wraps keys with Azure Key Vault or a managed HSM, by the official
// SDK and its default chain of credentials (environment, workload identity, managed
// identity, Azure CLI). Azure's RSA-OAEP-256 takes no additional data, so the
// payload starts with the hash of vault, kind, name and epoch, and Unwrap compares
// it. Only cmd/secr-kms links this package.
package azurekv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"github.com/secr/secr/keys/cloud"
)

// Client speaks for one version of one key. Its methods are safe for concurrent
// use.
type Client struct {
	key           cloud.Key
	name, version string
	keys          *azkeys.Client
}

// Open makes the client of the key that o names by its identifier,
// https://<vault>/keys/<name>/<version>. The version is part of the name: without
// it a rotation in Azure would make every wrapped key unreadable.
func Open(_ context.Context, o cloud.Options) (cloud.Client, error) {
	id := azkeys.ID(o.Key.Name)
	where, err := url.Parse(o.Key.Name)
	if err != nil || where.Scheme != "https" || id.Name() == "" || id.Version() == "" {
		return nil, &cloud.Error{Key: o.Key, Class: cloud.Malformed, Message: "the key's name is not an identifier of a Key Vault key with its version"}
	}
	transport := policy.ClientOptions{Transport: transport(o.Limits), Retry: retries(o.Limits)}
	credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: transport})
	if err != nil {
		return nil, &cloud.Error{Key: o.Key, Class: cloud.NoCredentials, Message: err.Error()}
	}
	endpoint := where.Scheme + "://" + where.Host
	if o.Endpoint != "" {
		endpoint = o.Endpoint
	}
	client, err := azkeys.NewClient(endpoint, credential, &azkeys.ClientOptions{ClientOptions: transport})
	if err != nil {
		return nil, &cloud.Error{Key: o.Key, Class: cloud.Failed, Message: err.Error()}
	}
	return &Client{key: o.Key, name: id.Name(), version: id.Version(), keys: client}, nil
}

func transport(l cloud.Limits) *http.Client {
	own := http.DefaultTransport.(*http.Transport).Clone()
	own.DialContext = (&net.Dialer{Timeout: l.Connect}).DialContext
	own.TLSHandshakeTimeout = l.Connect
	return &http.Client{Transport: own}
}

func retries(l cloud.Limits) policy.RetryOptions {
	return policy.RetryOptions{MaxRetries: 1, RetryDelay: 200 * time.Millisecond, MaxRetryDelay: l.Connect, TryTimeout: l.Total / 2, ShouldRetry: mayPass}
}

// mayPass says what is tried once more: an answer that may be another one then, or none,
// but for a connection that didn't come in time.
func mayPass(r *http.Response, err error) bool {
	if err != nil {
		return !cloud.NotConnected(err)
	}
	switch r.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Wrap encrypts the context's hash and plaintext under the key.
func (c *Client) Wrap(ctx context.Context, about cloud.Context, plaintext []byte) ([]byte, error) {
	hash := about.Hash()
	out, err := c.keys.WrapKey(ctx, c.name, c.version, c.parameters(append(hash[:], plaintext...)), nil)
	if err != nil {
		return nil, c.explain(err)
	}
	if len(out.Result) == 0 {
		return nil, &cloud.Error{Key: c.key, Class: cloud.Malformed, Message: "an answer without a result"}
	}
	return out.Result, nil
}

// Unwrap opens ciphertext, and fails with class WrongContext if it was made for
// another context.
func (c *Client) Unwrap(ctx context.Context, about cloud.Context, ciphertext []byte) ([]byte, error) {
	out, err := c.keys.UnwrapKey(ctx, c.name, c.version, c.parameters(ciphertext), nil)
	if err != nil {
		return nil, c.explain(err)
	}
	hash := about.Hash()
	plaintext, ok := bytes.CutPrefix(out.Result, hash[:])
	if !ok || len(plaintext) == 0 {
		return nil, &cloud.Error{Key: c.key, Class: cloud.WrongContext}
	}
	return plaintext, nil
}

func (c *Client) parameters(value []byte) azkeys.KeyOperationParameters {
	algorithm := azkeys.EncryptionAlgorithmRSAOAEP256
	return azkeys.KeyOperationParameters{Algorithm: &algorithm, Value: value}
}

// explain sorts the SDK's error by status and by the service's inner code. What the
// SDK gives no type is an answer that it could not read.
func (c *Client) explain(err error) error {
	out := &cloud.Error{Key: c.key, Class: cloud.Malformed, Message: err.Error()}
	var authentication *azidentity.AuthenticationFailedError
	var response *azcore.ResponseError
	var network net.Error
	switch {
	case errors.As(err, &response):
		var code string
		code, out.Message = serviceError(response)
		out.Class = classOf(response.StatusCode, code)
	case errors.As(err, &authentication), isCredentialUnavailable(err):
		out.Class = cloud.NoCredentials
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		out.Class = cloud.Unreachable
	}
	return out
}

func isCredentialUnavailable(err error) bool {
	var unavailable interface{ NonRetriable() }
	return errors.As(err, &unavailable)
}

// serviceError reads the service's body: the inner code is more exact than the
// outer one, which azcore reports.
func serviceError(r *azcore.ResponseError) (code, message string) {
	if r.RawResponse == nil {
		return r.ErrorCode, r.ErrorCode
	}
	var body struct {
		Error struct {
			Code, Message string
			InnerError    struct{ Code string }
		}
	}
	payload, err := runtime.Payload(r.RawResponse)
	if err != nil || json.Unmarshal(payload, &body) != nil {
		return r.ErrorCode, r.ErrorCode
	}
	if body.Error.InnerError.Code != "" {
		return body.Error.InnerError.Code, body.Error.Message
	}
	return body.Error.Code, body.Error.Message
}

func classOf(status int, code string) cloud.Class {
	switch {
	case code == "KeyDisabled", code == "KeyNotYetValid", code == "KeyExpired":
		return cloud.Disabled
	case status == http.StatusUnauthorized:
		return cloud.NoCredentials
	case status == http.StatusForbidden:
		return cloud.Denied
	case status == http.StatusNotFound:
		return cloud.NotFound
	case status == http.StatusBadRequest:
		return cloud.WrongContext
	case status == http.StatusTooManyRequests:
		return cloud.Throttled
	case status >= http.StatusInternalServerError:
		return cloud.Unreachable
	}
	return cloud.Failed
}
