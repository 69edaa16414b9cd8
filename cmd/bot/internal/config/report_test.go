package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/config"
	"apono/flows"
)

func issue(path string, severity flows.Severity, code, message, hint string) flows.Issue {
	return flows.Issue{Path: path, Severity: severity, Code: code, Message: message, Hint: hint}
}

var sample = &config.Report{File: "config.yaml", Problems: []config.Problem{
	{File: "config.yaml", Line: 6, Column: 5, Issue: issue("slak", flows.SeverityError, "unknown_key", `unknown key "slak"`, `did you mean "slack"?`)},
	{File: "config.yaml", Line: 9, Column: 1, Issue: issue("admins", flows.SeverityWarning, "no_admins", "nobody is\nan <admin>", "")},
	{Source: "BOT_LOG_LEVEL", Issue: issue("log.level", flows.SeverityError, "unknown_value", "unknown", "")},
}}

func TestReport_Text(t *testing.T) {
	var b strings.Builder
	if err := sample.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	const want = `config.yaml:6:5: error: unknown key "slak" (did you mean "slack"?)
config.yaml:9:1: warning: nobody is an <admin>
BOT_LOG_LEVEL: error: unknown
config.yaml: 2 errors, 1 warning
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

// TestReport_JSON: other programs read this; fields are added, never renamed.
func TestReport_JSON(t *testing.T) {
	var b strings.Builder
	if err := errors.Join(sample.WriteJSON(&b), (&config.Report{File: "f"}).WriteJSON(&b)); err != nil {
		t.Fatal(err)
	}
	const want = `{
  "file": "config.yaml",
  "ok": false,
  "errors": 2,
  "warnings": 1,
  "problems": [
    {
      "file": "config.yaml",
      "line": 6,
      "column": 5,
      "path": "slak",
      "severity": "error",
      "code": "unknown_key",
      "message": "unknown key \"slak\"",
      "hint": "did you mean \"slack\"?"
    },
    {
      "file": "config.yaml",
      "line": 9,
      "column": 1,
      "path": "admins",
      "severity": "warning",
      "code": "no_admins",
      "message": "nobody is\nan <admin>"
    },
    {
      "source": "BOT_LOG_LEVEL",
      "path": "log.level",
      "severity": "error",
      "code": "unknown_value",
      "message": "unknown"
    }
  ]
}
{
  "file": "f",
  "ok": true,
  "errors": 0,
  "warnings": 0,
  "problems": []
}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestReport_Summary(t *testing.T) {
	warning := config.Problem{Issue: issue("", flows.SeverityWarning, "", "", "")}
	for want, r := range map[string]*config.Report{
		"ok": {}, "ok, 1 warning": {Problems: []config.Problem{warning}}, "ok, 2 warnings": {Problems: []config.Problem{warning, warning}},
		"2 errors, 1 warning": sample,
	} {
		if got := r.Summary(); got != want {
			t.Errorf("summary %q, want %q", got, want)
		}
	}
}

func TestReport_Err(t *testing.T) {
	if err := (&config.Report{}).Err(); err != nil {
		t.Errorf("a sound report is an error: %v", err)
	}
	err := sample.Err()
	if _, ok := errors.AsType[*config.InvalidError](err); !ok {
		t.Fatalf("%T is no *InvalidError", err)
	}
	const want = "config.yaml:6:5: error: unknown key \"slak\" (did you mean \"slack\"?)\nBOT_LOG_LEVEL: error: unknown"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}
