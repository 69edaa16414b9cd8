package webhook_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"apono/flows"
	"apono/provision"
	"apono/provision/provisiontest"
	"apono/provision/webhook"
)

func bomb(t *testing.T, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func issues(t *testing.T, config string) []flows.Issue {
	t.Helper()
	c, issues := webhook.Type().New(t.Context(), provision.Spec{Name: "deploy", Decode: provisiontest.Decode(config)})
	if (c == nil) != (len(issues) > 0) {
		t.Errorf("connection %v with issues %v", c, issues)
	}
	if c != nil {
		_ = c.Close()
	}
	return issues
}

func whsec(n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", n)))
}

func TestConfig(t *testing.T) {
	dir := t.TempDir()
	noPEM := filepath.Join(dir, "no.pem")
	if err := os.WriteFile(noPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	const url, good = "url: https://deploy.example.com/access\n", "url: https://deploy.example.com/access?key=k\nsecret: "
	tests := map[string]struct {
		config string
		want   []flows.Issue
	}{
		"the least":           {good + secretText, nil},
		"the most":            {good + secretText + "\ntimeout: 30s\ncustom_parameters: {a: [1, {b: c}]}", nil},
		"http on 127.0.0.1":   {"url: http://127.0.0.1:8080/\nsecret: " + secretText, nil},
		"http on 127.9.9.9":   {"url: http://127.9.9.9/\nsecret: " + secretText, nil},
		"http on ::1":         {"url: http://[::1]:8080/\nsecret: " + secretText, nil},
		"http on localhost":   {"url: http://LOCALHOST:8080/\nsecret: " + secretText, nil},
		"secret of 24 bytes":  {good + whsec(24), nil},
		"secret of 64 bytes":  {good + whsec(64), nil},
		"nothing":             {"{}", []flows.Issue{{Path: "url", Code: "missing_key"}, {Path: "secret", Code: "missing_key"}}},
		"http":                {"url: http://deploy.example.com/\nsecret: " + secretText, []flows.Issue{{Path: "url", Code: "insecure_url"}}},
		"http on 10.0.0.1":    {"url: http://10.0.0.1/\nsecret: " + secretText, []flows.Issue{{Path: "url", Code: "insecure_url"}}},
		"http on localhost.x": {"url: http://localhost.example.com/\nsecret: " + secretText, []flows.Issue{{Path: "url", Code: "insecure_url"}}},
		"another scheme":      {"url: ftp://deploy.example.com/\nsecret: " + secretText, []flows.Issue{{Path: "url", Code: "insecure_url"}}},
		"no scheme":           {"url: deploy.example.com/access\nsecret: " + secretText, []flows.Issue{{Path: "url", Code: "invalid_url"}}},
		"no host":             {"url: 'https:///access'\nsecret: " + secretText, []flows.Issue{{Path: "url", Code: "invalid_url"}}},
		"opaque":              {"url: 'https:deploy.example.com'\nsecret: " + secretText, []flows.Issue{{Path: "url", Code: "invalid_url"}}},
		"broken":              {"url: 'https://a b/%zz'\nsecret: " + secretText, []flows.Issue{{Path: "url", Code: "invalid_url"}}},
		"a password":          {"url: 'https://u:hunter2@deploy.example.com'\nsecret: " + secretText, []flows.Issue{{Path: "url", Code: "invalid_url"}}},
		"no whsec_":           {url + "secret: " + secretText[6:], []flows.Issue{{Path: "secret", Code: "invalid_secret"}}},
		"no base64":           {url + "secret: whsec_hunter2!", []flows.Issue{{Path: "secret", Code: "invalid_secret"}}},
		"secret of 23 bytes":  {url + "secret: " + whsec(23), []flows.Issue{{Path: "secret", Code: "invalid_secret"}}},
		"secret of 65 bytes":  {url + "secret: " + whsec(65), []flows.Issue{{Path: "secret", Code: "invalid_secret"}}},
		"ca_file is not":      {good + secretText + "\nca_file: " + dir + "/none", []flows.Issue{{Path: "ca_file", Code: "invalid_ca_file"}}},
		"ca_file is no PEM":   {good + secretText + "\nca_file: " + noPEM, []flows.Issue{{Path: "ca_file", Code: "invalid_ca_file"}}},
		"no number":           {good + secretText + "\ncustom_parameters: {a: .inf}", []flows.Issue{{Path: "custom_parameters", Code: "invalid_custom_parameters"}}},
		"no text for a key":   {good + secretText + "\ncustom_parameters: {a: {1: b}}", []flows.Issue{{Path: "custom_parameters", Code: "invalid_custom_parameters"}}},
		"timeout of 10":       {good + secretText + "\ntimeout: 10", []flows.Issue{{Code: "invalid_config"}}}, // 10 what?
		"timeout of -1s":      {good + secretText + "\ntimeout: -1s", []flows.Issue{{Path: "timeout", Code: "invalid_timeout"}}},
		"timeout of 1h":       {good + secretText + "\ntimeout: 1h", []flows.Issue{{Path: "timeout", Code: "invalid_timeout"}}},
		"an unknown key":      {good + secretText + "\nurll: x", []flows.Issue{{Code: "invalid_config"}}},
		"all at once": {"{url: 'http://a.example', secret: x, timeout: 1ms}", []flows.Issue{
			{Path: "url", Code: "insecure_url"}, {Path: "secret", Code: "invalid_secret"}, {Path: "timeout", Code: "invalid_timeout"},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := issues(t, tt.config)
			for i := range tt.want {
				tt.want[i].Severity = flows.SeverityError
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.IgnoreFields(flows.Issue{}, "Message", "Hint")); diff != "" {
				t.Errorf("issues (-want +got):\n%s", diff)
			}
			for _, i := range got {
				if i.Message == "" || strings.Contains(i.String(), "hunter2") {
					t.Errorf("message %q", i)
				}
			}
		})
	}
}

// TestConfigDecodeError keeps the position that the decoder found.
func TestConfigDecodeError(t *testing.T) {
	c, got := webhook.Type().New(t.Context(), provision.Spec{Name: "deploy", Decode: func(any) error { return errors.New("line 7: no such key") }})
	want := []flows.Issue{{Severity: flows.SeverityError, Code: "invalid_config", Message: "line 7: no such key"}}
	if diff := cmp.Diff(want, got); diff != "" || c != nil {
		t.Errorf("connection %v, issues (-want +got):\n%s", c, diff)
	}
}
