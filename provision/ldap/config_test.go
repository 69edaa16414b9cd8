package ldap_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
	"apono/provision/ldap"
	"apono/provision/provisiontest"
)

// TestConfig is one mistake each.
func TestConfig(t *testing.T) {
	const good = "url: ldaps://ldap.example.com\nbind_dn: cn=bot,dc=example,dc=com\npassword: x\n"
	const who = "people: {base: 'dc=example,dc=com'}\n"
	for name, tt := range map[string]struct{ config, path, code string }{
		"fine":                     {good + who, "", ""},
		"a user name as of AD":     {"url: ldaps://ad.example.com\nbind_dn: bot@example.com\npassword: x\n" + who, "", ""},
		"no server":                {"bind_dn: cn=bot\npassword: x\n" + who, "url", "missing_key"},
		"another scheme":           {"url: https://ldap.example.com\nbind_dn: cn=bot\npassword: x\n" + who, "url", "invalid_url"},
		"a path":                   {"url: ldaps://ldap.example.com/dc=x\nbind_dn: cn=bot\npassword: x\n" + who, "url", "invalid_url"},
		"a password in the clear":  {"url: ldap://ldap.example.com\nbind_dn: cn=bot\npassword: x\n" + who, "url", "insecure_url"},
		"ldap with start_tls":      {"url: ldap://ldap.example.com\nstart_tls: true\nbind_dn: cn=bot\npassword: x\n" + who, "", ""},
		"encrypted twice":          {good + who + "start_tls: true\n", "start_tls", "invalid_value"},
		"no account":               {"url: ldaps://ldap.example.com\npassword: x\n" + who, "bind_dn", "missing_key"},
		"no DN":                    {"url: ldaps://ldap.example.com\nbind_dn: bot\npassword: x\n" + who, "bind_dn", "invalid_value"},
		"no password":              {"url: ldaps://ldap.example.com\nbind_dn: cn=bot\n" + who, "password", "missing_key"},
		"no base":                  {good, "people.base", "missing_key"},
		"a base that is none":      {good + "people: {base: people}", "people.base", "invalid_value"},
		"a filter that is none":    {good + "people: {base: 'dc=x', filter: '(mail=*'}", "people.filter", "invalid_value"},
		"no filter for disabled":   {good + "people: {base: 'dc=x', disabled: locked}", "people.disabled", "invalid_value"},
		"a group filter":           {good + who + "groups: {base: 'dc=x', filter: ')'}", "groups.filter", "invalid_value"},
		"groups without a name":    {good + who + "groups: {base: 'dc=x', name: ''}", "groups", "missing_key"},
		"no certificates":          {good + who + "ca_file: /dev/null", "ca_file", "invalid_value"},
		"a page of nothing":        {good + who + "page_size: 0", "page_size", "invalid_value"},
		"a time-out":               {good + who + "timeout: 1h", "timeout", "invalid_value"},
		"an attribute called user": {good + "people: {base: 'dc=x', attributes: {user: uid}}", "people.attributes.user", "reserved_attribute"},
	} {
		t.Run(name, func(t *testing.T) {
			c, got := ldap.Type().New(t.Context(), provision.Spec{Name: "company", Decode: provisiontest.Decode(tt.config)})
			var want []flows.Issue
			if tt.code != "" {
				want = []flows.Issue{{Path: tt.path, Severity: flows.SeverityError, Code: tt.code}}
			}
			for i := range got {
				if got[i].Message == "" {
					t.Error("no message")
				}
				got[i].Message, got[i].Hint = "", ""
			}
			if diff := cmp.Diff(want, got); diff != "" || (c == nil) != (tt.code != "") {
				t.Errorf("connection %v, issues (-want +got):\n%s", c, diff)
			}
			if c != nil && c.Close() != nil {
				t.Error("it cannot be closed")
			}
		})
	}
	if _, got := ldap.Type().New(t.Context(), provision.Spec{Decode: func(any) error { return errors.New("config.yaml:6:5: no") }}); len(got) != 1 || got[0].Code != "invalid_config" {
		t.Errorf("issues: %v", got)
	}
}
