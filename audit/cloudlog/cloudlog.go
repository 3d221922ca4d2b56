// Package cloudlog reads the logs in which clouds note the use of their keys: AWS
// CloudTrail, Google Cloud audit logs, and Azure Key Vault's AuditEvent logs, as
// their consoles and command lines export them, gzipped or not. It finds the
// decryptions and leaves everything else aside.
//
// Every text in an [Event] was written by a cloud about somebody's request, and parts
// of it by whoever made the request: it is cleaned before anybody sees it, and decides
// nothing.
package cloudlog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrFormat says that a file is none of the logs that are known.
var ErrFormat = errors.New("not a cloud's log of the kinds that are known")

// broken is ErrFormat with its cause, which is none for a caller to branch on: the end
// of a file in the middle of an event is no end.
func broken(cause error) error { return fmt.Errorf("%w: %v", ErrFormat, cause) }

// maxEvent bounds one event, in bytes of JSON.
const maxEvent = 4 << 20

// Event is one decryption by a cloud key.
type Event struct {
	Time      int64    // Unix seconds, by the cloud's clock
	Provider  string   // aws, gcp or azure
	Keys      []string // names of the key that was used, as a policy may have it
	Operation string
	Principal string // who asked, as the cloud knows it
	Address   string // from where
	ID        string // the event's own
	Failed    string // why it was refused; empty if it was not
	// Context is AWS's encryption context, which says vault, role and epoch. The
	// other clouds log none.
	Context map[string]string
}

// Read gives every decryption in a file to yield, in the file's order, and says how
// many events of all kinds there were. A log of a day without any is one, too. It
// fails with ErrFormat on anything but the known logs.
func Read(from io.Reader, yield func(Event) error) (events int, err error) {
	in := bufio.NewReaderSize(from, 1<<16)
	if head, _ := in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return 0, broken(err)
		}
		in = bufio.NewReaderSize(z, 1<<16)
	}
	r := &reader{decoder: json.NewDecoder(in), yield: yield}
	for documents := 0; ; documents++ {
		switch err := r.document(); {
		case errors.Is(err, io.EOF) && documents == 0:
			return 0, fmt.Errorf("%w: it is empty", ErrFormat)
		case errors.Is(err, io.EOF):
			return r.events, nil
		case err != nil:
			return r.events, err
		}
	}
}

// reader goes through JSON without holding more than one event.
type reader struct {
	decoder *json.Decoder
	yield   func(Event) error
	events  int
}

// document reads one JSON value: an event, a list of events, or an object that holds
// a list of events.
func (r *reader) document() error {
	token, err := r.decoder.Token()
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	switch {
	case err != nil:
		return broken(err)
	case token == json.Delim('['):
		return r.list()
	case token == json.Delim('{'):
		return r.object()
	}
	return fmt.Errorf("%w: JSON that is neither an object nor a list", ErrFormat)
}

func (r *reader) list() error {
	for r.decoder.More() {
		var raw json.RawMessage
		if err := r.decoder.Decode(&raw); err != nil {
			return broken(err)
		}
		if err := r.event(raw); err != nil {
			return err
		}
	}
	return r.close()
}

func (r *reader) close() error {
	if _, err := r.decoder.Token(); err != nil {
		return broken(err)
	}
	return nil
}

// object reads the fields of an object. Those that hold lists of events in one of the
// exports are gone through; the others make an event.
func (r *reader) object() error {
	fields := map[string]json.RawMessage{}
	size, lists := 0, 0
	for r.decoder.More() {
		name, err := r.decoder.Token()
		if err != nil {
			return broken(err)
		}
		key, _ := name.(string)
		if key == "Records" || key == "records" || key == "Events" || key == "entries" || key == "value" {
			if token, err := r.decoder.Token(); err != nil || token != json.Delim('[') {
				return fmt.Errorf("%w: %q is no list", ErrFormat, key)
			}
			if err := r.list(); err != nil {
				return err
			}
			lists++
			continue
		}
		var raw json.RawMessage
		if err := r.decoder.Decode(&raw); err != nil {
			return broken(err)
		}
		if size += len(raw); size > maxEvent {
			return fmt.Errorf("%w: an event of more than %d bytes", ErrFormat, maxEvent)
		}
		fields[key] = raw
	}
	if err := r.close(); err != nil || lists > 0 {
		return err
	}
	raw, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return r.event(raw)
}

// event looks at one event.
func (r *reader) event(raw json.RawMessage) error {
	if len(raw) > maxEvent {
		return fmt.Errorf("%w: an event of more than %d bytes", ErrFormat, maxEvent)
	}
	var any struct {
		CloudTrailEvent string          `json:"CloudTrailEvent"` // lookup-events has the event as text
		EventSource     *string         `json:"eventSource"`
		Proto           json.RawMessage `json:"protoPayload"`
		Category        *string         `json:"category"`
	}
	if err := json.Unmarshal(raw, &any); err != nil {
		return broken(err)
	}
	if any.CloudTrailEvent != "" {
		return r.event(json.RawMessage(any.CloudTrailEvent))
	}
	var e *Event
	var err error
	switch {
	case any.EventSource != nil:
		e, err = cloudTrail(raw)
	case any.Proto != nil:
		e, err = googleAudit(raw)
	case any.Category != nil:
		e, err = azureAudit(raw)
	default:
		return fmt.Errorf("%w: event %d is of none of the known clouds", ErrFormat, r.events+1)
	}
	if err != nil {
		return fmt.Errorf("%w: event %d: %v", ErrFormat, r.events+1, err)
	}
	r.events++
	if e == nil {
		return nil
	}
	return r.yield(*e)
}

// cloudTrail reads an event of AWS CloudTrail; nil for one that decrypts nothing.
func cloudTrail(raw []byte) (*Event, error) {
	var c struct {
		EventTime   string `json:"eventTime"`
		EventSource string `json:"eventSource"`
		EventName   string `json:"eventName"`
		EventID     string `json:"eventID"`
		Source      string `json:"sourceIPAddress"`
		ErrorCode   string `json:"errorCode"`
		User        struct {
			ARN         string `json:"arn"`
			PrincipalID string `json:"principalId"`
			InvokedBy   string `json:"invokedBy"`
		} `json:"userIdentity"`
		Request struct {
			KeyID         string            `json:"keyId"`
			SourceKeyID   string            `json:"sourceKeyId"`
			Context       map[string]string `json:"encryptionContext"`
			SourceContext map[string]string `json:"sourceEncryptionContext"`
		} `json:"requestParameters"`
		Resources []struct {
			ARN string `json:"ARN"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, err
	}
	if c.EventSource != "kms.amazonaws.com" || c.EventName != "Decrypt" && c.EventName != "ReEncrypt" {
		return nil, nil
	}
	at, err := parseTime(c.EventTime)
	if err != nil {
		return nil, err
	}
	e := &Event{
		Time: at, Provider: "aws", Operation: c.EventName, ID: c.EventID, Address: c.Source, Failed: c.ErrorCode,
		Principal: first(c.User.ARN, c.User.PrincipalID, c.User.InvokedBy), Context: c.Request.Context,
	}
	if c.Request.SourceContext != nil {
		e.Context = c.Request.SourceContext
	}
	for _, r := range c.Resources {
		e.addKey(r.ARN)
	}
	e.addKey(c.Request.KeyID)
	e.addKey(c.Request.SourceKeyID)
	return e, nil
}

// googleAudit reads an entry of a Google Cloud audit log.
func googleAudit(raw []byte) (*Event, error) {
	var g struct {
		Timestamp string `json:"timestamp"`
		InsertID  string `json:"insertId"`
		Payload   struct {
			Service        string `json:"serviceName"`
			Method         string `json:"methodName"`
			Resource       string `json:"resourceName"`
			Authentication struct {
				Email   string `json:"principalEmail"`
				Subject string `json:"principalSubject"`
			} `json:"authenticationInfo"`
			Request struct {
				Name string `json:"name"`
			} `json:"request"`
			Metadata struct {
				Address string `json:"callerIp"`
			} `json:"requestMetadata"`
			Status struct {
				Code    int    `json:"code"`
				Message string `json:"message"`
			} `json:"status"`
		} `json:"protoPayload"`
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return nil, err
	}
	p := g.Payload
	if p.Service != "cloudkms.googleapis.com" || !strings.HasSuffix(p.Method, "Decrypt") {
		return nil, nil
	}
	at, err := parseTime(g.Timestamp)
	if err != nil {
		return nil, err
	}
	e := &Event{Time: at, Provider: "gcp", Operation: p.Method, ID: g.InsertID, Address: p.Metadata.Address, Principal: first(p.Authentication.Email, p.Authentication.Subject)}
	if p.Status.Code != 0 {
		e.Failed = first(p.Status.Message, fmt.Sprintf("code %d", p.Status.Code))
	}
	for _, name := range []string{p.Resource, p.Request.Name} {
		key, _, _ := strings.Cut(name, "/cryptoKeyVersions/")
		e.addKey(key)
	}
	return e, nil
}

// azureAudit reads a record of Azure Key Vault's AuditEvent log.
func azureAudit(raw []byte) (*Event, error) {
	var a struct {
		Time      string `json:"time"`
		Operation string `json:"operationName"`
		Category  string `json:"category"`
		Result    string `json:"resultType"`
		Signature string `json:"resultSignature"`
		Address   string `json:"callerIpAddress"`
		ID        string `json:"correlationId"`
		Identity  struct {
			Claim map[string]any `json:"claim"`
		} `json:"identity"`
		Properties struct {
			ID         string `json:"id"`
			RequestURI string `json:"requestUri"`
			Status     int    `json:"httpStatusCode"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, err
	}
	if a.Category != "AuditEvent" || a.Operation != "KeyUnwrap" && a.Operation != "KeyDecrypt" {
		return nil, nil
	}
	at, err := parseTime(a.Time)
	if err != nil {
		return nil, err
	}
	e := &Event{Time: at, Provider: "azure", Operation: a.Operation, ID: a.ID, Address: a.Address}
	for _, claim := range []string{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn", "upn", "appid", "http://schemas.microsoft.com/identity/claims/objectidentifier", "oid"} {
		if text, ok := a.Identity.Claim[claim].(string); ok && e.Principal == "" {
			e.Principal = text
		}
	}
	if a.Result != "Success" || a.Properties.Status >= 300 {
		e.Failed = first(a.Signature, a.Result, fmt.Sprintf("status %d", a.Properties.Status))
	}
	e.addKey(azureKey(a.Properties.ID))
	e.addKey(azureKey(a.Properties.RequestURI))
	return e, nil
}

// azureKey is the name of a key version out of an id or the URI of a request to it.
func azureKey(uri string) string {
	uri, _, _ = strings.Cut(uri, "?")
	uri = strings.Replace(uri, ":443/", "/", 1)
	scheme, rest, _ := strings.Cut(uri, "://")
	parts := strings.Split(rest, "/")
	if scheme != "https" || len(parts) < 4 || parts[1] != "keys" {
		return ""
	}
	return "https://" + strings.ToLower(parts[0]) + "/keys/" + parts[2] + "/" + strings.ToLower(parts[3])
}

func (e *Event) addKey(name string) {
	if name == "" {
		return
	}
	for _, k := range e.Keys {
		if k == name {
			return
		}
	}
	e.Keys = append(e.Keys, name)
}

func parseTime(text string) (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no time", text)
	}
	return t.Unix(), nil
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
