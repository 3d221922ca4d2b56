package cloudlog_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/secr/secr/audit/cloudlog"
)

func read(t *testing.T, data []byte) ([]cloudlog.Event, int) {
	t.Helper()
	var out []cloudlog.Event
	n, err := cloudlog.Read(bytes.NewReader(data), func(e cloudlog.Event) error {
		out = append(out, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, n
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const (
	awsKey   = "arn:aws:kms:eu-central-1:111122223333:key/12345678-1234-1234-1234-123456789012"
	awsAlias = "arn:aws:kms:eu-central-1:111122223333:alias/secr"
	gcpKey   = "projects/acme-prod/locations/europe-west3/keyRings/secr/cryptoKeys/team"
	azureKey = "https://acme.vault.azure.net/keys/secr/0123456789abcdef0123456789abcdef"
)

func TestTheDocumentedFormatsAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		events int
		want   []cloudlog.Event
	}{
		"cloudtrail.json": {4, []cloudlog.Event{
			{
				Time: 1700000102, Provider: "aws", Operation: "Decrypt", Keys: []string{awsKey}, ID: "e4a8c8c1-0000-4000-8000-000000000002", Address: "203.0.113.9",
				Principal: "arn:aws:sts::111122223333:assumed-role/deploy/i-0123456789abcdef0",
				Context:   map[string]string{"secr-vault": "abcdefghijklmnopqrstuvwxyz", "secr-kind": "role", "secr-name": "deploy", "secr-epoch": "1"},
			},
			{
				Time: 1700002900, Provider: "aws", Operation: "Decrypt", Keys: []string{awsKey}, ID: "e4a8c8c1-0000-4000-8000-000000000003", Address: "198.51.100.7",
				Principal: "arn:aws:iam::111122223333:user/mallory", Failed: "AccessDenied",
			},
		}},
		"lookup-events.json": {1, []cloudlog.Event{{
			Time: 1700000102, Provider: "aws", Operation: "Decrypt", Keys: []string{awsKey, awsAlias}, ID: "e4a8c8c1-0000-4000-8000-000000000002",
			Principal: "arn:aws:iam::111122223333:user/ana",
		}}},
		"gcp.json": {3, []cloudlog.Event{
			{Time: 1700000162, Provider: "gcp", Operation: "Decrypt", Keys: []string{gcpKey}, ID: "1abcdef2ghij", Address: "203.0.113.10", Principal: "deploy@acme-prod.iam.gserviceaccount.com"},
			{Time: 1700000400, Provider: "gcp", Operation: "google.cloud.kms.v1.KeyManagementService.Decrypt", Keys: []string{gcpKey}, ID: "2abcdef2ghij", Address: "198.51.100.8", Principal: "mallory@acme.example", Failed: "PERMISSION_DENIED"},
		}},
		"azure.json": {3, []cloudlog.Event{
			{Time: 1700000221, Provider: "azure", Operation: "KeyUnwrap", Keys: []string{azureKey}, ID: "5ab21c6e-0000-4000-8000-000000000001", Address: "203.0.113.11", Principal: "1950a258-0000-4000-8000-000000000000"},
			{Time: 1700000281, Provider: "azure", Operation: "KeyUnwrap", Keys: []string{azureKey}, Address: "198.51.100.9", Principal: "mallory@acme.example", Failed: "Forbidden"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got, n := read(t, file(t, name))
			if diff := cmp.Diff(c.want, got); diff != "" || n != c.events {
				t.Errorf("%d events\n%s", n, diff)
			}
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			w.Write(file(t, name))
			w.Close()
			if again, _ := read(t, z.Bytes()); !cmp.Equal(again, got) {
				t.Error("gzipped it is another")
			}
		})
	}
}

func TestLinesOfEventsAreRead(t *testing.T) {
	line := `{"timestamp":"2023-11-14T22:16:02Z","protoPayload":{"serviceName":"cloudkms.googleapis.com","methodName":"Decrypt","resourceName":"` + gcpKey + `"}}`
	if got, n := read(t, []byte(line+"\n"+line+"\n")); len(got) != 2 || n != 2 {
		t.Errorf("%d events, %d decryptions", n, len(got))
	}
}

func TestALogWithoutEventsIsALog(t *testing.T) {
	for _, text := range []string{`[]`, `{"Records":[]}`, `{"records": []}`, `{"Events": []}`, `{"entries": []}`, `{"value": []}`} {
		if got, n := read(t, []byte(text)); len(got) != 0 || n != 0 {
			t.Errorf("%s: %d events, %d decryptions", text, n, len(got))
		}
	}
}

func TestWhatIsNoCloudLogIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":        "",
		"text":           "hello",
		"number":         "7",
		"another object": `{"hello": "world"}`,
		"another list":   `[1, 2]`,
		"no list":        `{"Records": {}}`,
		"cut":            `{"Records": [{"eventSource": "kms.amazonaws.com", "eventName": "Decrypt", "eventTime": "2023-11-14T22:15:02Z"}`,
		"no time":        `{"Records": [{"eventSource": "kms.amazonaws.com", "eventName": "Decrypt", "eventTime": "yesterday"}]}`,
		"cut gzip":       "\x1f\x8b\x08",
		"nothing in it":  `{}`,
		"cut list":       `[`,
		"nested text":    `{"Events": [{"CloudTrailEvent": "nope"}]}`,
	} {
		_, err := cloudlog.Read(strings.NewReader(text), func(cloudlog.Event) error { return nil })
		if !errors.Is(err, cloudlog.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"cloudtrail.json", "lookup-events.json", "gcp.json", "azure.json"} {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := cloudlog.Read(bytes.NewReader(data), func(cloudlog.Event) error { return nil })
		if err != nil && !errors.Is(err, cloudlog.ErrFormat) {
			t.Error(err)
		}
	})
}
