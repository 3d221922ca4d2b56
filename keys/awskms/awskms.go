// Package awskms wraps keys with AWS KMS, by the official SDK and its default chain
// of credentials (environment, profiles, SSO, web identity, containers, instances).
// The encryption context names vault, kind, name and epoch; CloudTrail shows it
// with every call. Only cmd/secr-kms links this package.
package awskms

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"github.com/secr/secr/keys/cloud"
)

// Client speaks for one key. Its methods are safe for concurrent use.
type Client struct {
	key cloud.Key
	kms *kms.Client
}

// Open makes the client of the key that o names by its ARN; the region is the
// ARN's. It fails with a cloud.Error of class NoCredentials if the chain has none.
func Open(ctx context.Context, o cloud.Options) (cloud.Client, error) {
	name, err := arn.Parse(o.Key.Name)
	if err != nil || name.Service != "kms" || name.Region == "" {
		return nil, &cloud.Error{Key: o.Key, Class: cloud.Malformed, Message: "the key's name is not an ARN of a KMS key"}
	}
	dialer := func(d *net.Dialer) { d.Timeout = o.Limits.Connect }
	handshake := func(t *http.Transport) { t.TLSHandshakeTimeout = o.Limits.Connect }
	loads := []func(*config.LoadOptions) error{
		config.WithRegion(name.Region),
		config.WithHTTPClient(awshttp.NewBuildableClient().WithDialerOptions(dialer).WithTransportOptions(handshake)),
		config.WithRetryer(retryer),
	}
	if o.Profile != "" {
		loads = append(loads, config.WithSharedConfigProfile(o.Profile))
	}
	settings, err := config.LoadDefaultConfig(ctx, loads...)
	if err != nil {
		return nil, &cloud.Error{Key: o.Key, Class: cloud.NoCredentials, Message: err.Error()}
	}
	// The SDK reports missing credentials as an untyped error of the first call, so
	// they are asked for here, where that is the only thing that can fail.
	if _, err := settings.Credentials.Retrieve(ctx); err != nil {
		return nil, &cloud.Error{Key: o.Key, Class: cloud.NoCredentials, Message: err.Error()}
	}
	client := kms.NewFromConfig(settings, func(k *kms.Options) {
		if o.Endpoint != "" {
			k.BaseEndpoint = aws.String(o.Endpoint)
		}
	})
	return &Client{key: o.Key, kms: client}, nil
}

// retryer tries once more, except for a connection that didn't come in time.
func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		o.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(err error) aws.Ternary {
			if cloud.NotConnected(err) {
				return aws.FalseTernary
			}
			return aws.UnknownTernary
		})}, o.Retryables...)
	})
}

// attempts is how often one call is tried: once more after a throttle or a fault.
const attempts = 2

// Wrap encrypts plaintext under the key and the context.
func (c *Client) Wrap(ctx context.Context, about cloud.Context, plaintext []byte) ([]byte, error) {
	out, err := c.kms.Encrypt(ctx, &kms.EncryptInput{KeyId: &c.key.Name, Plaintext: plaintext, EncryptionContext: about.Fields()})
	if err != nil {
		return nil, c.explain(err)
	}
	if len(out.CiphertextBlob) == 0 {
		return nil, &cloud.Error{Key: c.key, Class: cloud.Malformed, Message: "an answer without a ciphertext"}
	}
	return out.CiphertextBlob, nil
}

// Unwrap opens ciphertext. It always names the key, so that a ciphertext of
// somebody else's key is refused by AWS and not opened.
func (c *Client) Unwrap(ctx context.Context, about cloud.Context, ciphertext []byte) ([]byte, error) {
	out, err := c.kms.Decrypt(ctx, &kms.DecryptInput{KeyId: &c.key.Name, CiphertextBlob: ciphertext, EncryptionContext: about.Fields()})
	if err != nil {
		return nil, c.explain(err)
	}
	if len(out.Plaintext) == 0 {
		return nil, &cloud.Error{Key: c.key, Class: cloud.Malformed, Message: "an answer without a plaintext"}
	}
	return out.Plaintext, nil
}

// explain sorts the SDK's error.
func (c *Client) explain(err error) error {
	out := &cloud.Error{Key: c.key, Class: cloud.Failed, Message: err.Error()}
	var api smithy.APIError
	if !errors.As(err, &api) {
		out.Class = classOfTransport(err)
		return out
	}
	out.Message, out.Class = api.ErrorMessage(), classOf(api.ErrorCode())
	return out
}

// classOf sorts an error code of the KMS API reference or of its signature check.
func classOf(code string) cloud.Class {
	switch code {
	case "AccessDeniedException", "AccessDenied":
		return cloud.Denied
	case "DisabledException", "KMSInvalidStateException":
		return cloud.Disabled
	case "NotFoundException":
		return cloud.NotFound
	case "InvalidCiphertextException", "IncorrectKeyException":
		return cloud.WrongContext
	case "ThrottlingException", "LimitExceededException":
		return cloud.Throttled
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "IncompleteSignature",
		"MissingAuthenticationToken", "ExpiredToken", "ExpiredTokenException":
		return cloud.NoCredentials
	case "KeyUnavailableException", "DependencyTimeoutException", "KMSInternalException", "ServiceUnavailableException",
		"InternalServerError", "InternalFailure":
		return cloud.Unreachable
	}
	return cloud.Failed
}

func classOfTransport(err error) cloud.Class {
	var network net.Error
	var response *smithy.DeserializationError
	switch {
	case errors.As(err, &response):
		return cloud.Malformed
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded):
		return cloud.Unreachable
	}
	var canceled *smithy.CanceledError
	if errors.As(err, &canceled) {
		return cloud.Unreachable
	}
	return cloud.Failed
}
