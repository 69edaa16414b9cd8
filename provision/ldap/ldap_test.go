package ldap_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
	"apono/provision/ldap"
	"apono/provision/provisiontest"
)

func connect(t *testing.T, config string) provision.Connection {
	t.Helper()
	c, issues := ldap.Type().New(t.Context(), provision.Spec{Name: "company", Decode: provisiontest.Decode(config)})
	if len(issues) > 0 {
		t.Fatalf("issues: %+v", issues)
	}
	return c
}

// account is a configuration for a server at a URL.
func account(url, dn, more string) string {
	return fmt.Sprintf("url: %q\nbind_dn: %q\npassword: %q\npeople: {base: 'ou=people,%s'}\n%s", url, dn, password, suffix, more)
}

const bot = "cn=bot," + suffix

func people(t *testing.T, c provision.Connection) []flows.Person {
	t.Helper()
	all, shifts, err := c.(provision.Directory).People(t.Context())
	if err != nil || shifts != nil {
		t.Fatalf("shifts %v, %v", shifts, err)
	}
	return all
}

// crowd is a company of n people: the first manages all others.
func crowd(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "dn: uid=p%d,ou=people,%s\nobjectClass: inetOrgPerson\nuid: p%d\ncn: Person %d\nsn: P\nmail: P%d@Example.com\n", i, suffix, i, i, i)
		if i > 0 {
			fmt.Fprintf(&b, "manager: UID=p0, ou=People,%s\n", suffix)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "dn: cn=everybody,ou=groups,%s\nobjectClass: groupOfNames\ncn: everybody\n", suffix)
	for i := range n {
		fmt.Fprintf(&b, "member: uid=p%d,ou=people,%s\n", i, suffix)
	}
	return b.String() + "\n"
}

// TestManyPeople: several hundred people come in pages, over TLS in both ways.
func TestManyPeople(t *testing.T) {
	const n = 700
	s := slapd(t, crowd(n))
	groups := "groups: {base: 'ou=groups," + suffix + "'}\nca_file: " + s.ca + "\n"
	for name, config := range map[string]string{
		"plain on loopback":  account(s.plain, bot, groups+"page_size: 100"),
		"ldaps":              account(s.tls, bot, groups),
		"start_tls":          account(s.plain, bot, groups+"start_tls: true\npage_size: 7"),
		"one page of a size": account(s.plain, bot, groups+"page_size: 700"),
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, config)
			all := people(t, c)
			if len(all) != n {
				t.Fatalf("%d people", len(all))
			}
			i := slices.IndexFunc(all, func(p flows.Person) bool { return p.Email == "p699@example.com" })
			want := flows.Person{Email: "p699@example.com", Name: "Person 699", Manager: "p0@example.com", Groups: []string{"everybody"}}
			if diff := cmp.Diff(want, all[i]); diff != "" {
				t.Errorf("person (-want +got):\n%s", diff)
			}
			if err := c.(provision.Pinger).Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func encoded(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// TestWhatIsRead: hostile names, several addresses, managers, groups of every kind
// and in each other, disabled accounts, attributes.
func TestWhatIsRead(t *testing.T) {
	hostile := "Zoë *)(uid=*)) <!channel> \u202eevil\x00 \n, O=x"
	ldif := `dn: uid=alice,ou=people,` + suffix + `
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: A
mail: Alice@example.com
mail: alice.smith@example.com
manager: uid=bob,ou=people,` + suffix + `
departmentNumber: payments
departmentNumber: risk
employeeType: Europe/Berlin

dn: uid=bob,ou=people,` + suffix + `
objectClass: inetOrgPerson
uid: bob
cn:: ` + encoded(hostile) + `
sn: B
mail: bob@example.com
manager: uid=nobody,ou=people,` + suffix + `
employeeType: the office

dn: cn=O\27Brien\, Pat \2b co,ou=people,` + suffix + `
objectClass: inetOrgPerson
uid: pat
cn: O'Brien, Pat + co
sn: P
mail: pat@example.com
title: left

dn: uid=robot,ou=people,` + suffix + `
objectClass: inetOrgPerson
uid: robot
cn: no address
sn: R

dn: cn=dba,ou=groups,` + suffix + `
objectClass: groupOfNames
cn: dba
member: CN=O'Brien\, Pat \+ co, OU=People, DC=example,DC=com

dn: cn=data,ou=groups,` + suffix + `
objectClass: groupOfUniqueNames
cn: data
uniqueMember: cn=dba,ou=groups,` + suffix + `
uniqueMember: cn=loop,ou=groups,` + suffix + `

dn: cn=loop,ou=groups,` + suffix + `
objectClass: groupOfNames
cn: loop
member: cn=data,ou=groups,` + suffix + `
member: uid=robot,ou=people,` + suffix + `

dn: cn=on-call,ou=groups,` + suffix + `
objectClass: posixGroup
cn: on-call
gidNumber: 7
memberUid: alice
memberUid: gone

dn: cn=empty,ou=groups,` + suffix + `
objectClass: posixGroup
cn: empty
gidNumber: 8

`
	s := slapd(t, ldif)
	const mapping = `people: {base: 'ou=people,` + suffix + `', disabled: '(title=left)', time_zone: employeeType, attributes: {department: departmentNumber}}
`
	base := fmt.Sprintf("url: %q\nbind_dn: %q\npassword: %q\n", s.plain, bot, password) + mapping
	want := []flows.Person{
		{
			Email: "alice@example.com", Aliases: []string{"alice.smith@example.com"}, Name: "Alice", Manager: "bob@example.com", TimeZone: "Europe/Berlin",
			Groups: []string{"on-call"}, Attributes: map[string][]string{"department": {"payments", "risk"}},
		},
		{Email: "bob@example.com", Name: hostile},
		{Email: "pat@example.com", Name: "O'Brien, Pat + co", Groups: []string{"dba"}, Disabled: true},
	}
	read := func(more string) ([]flows.Person, []string) {
		t.Helper()
		c := connect(t, base+more)
		all := people(t, c)
		slices.SortFunc(all, func(a, b flows.Person) int { return strings.Compare(a.Email, b.Email) })
		names, err := c.(provision.Grouper).Groups(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return all, names
	}
	all, names := read("groups: {base: 'ou=groups," + suffix + "'}")
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("people (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"data", "dba", "empty", "loop", "on-call"}, names); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	all, _ = read("groups: {base: 'ou=groups," + suffix + "', nested: true}")
	want[2].Groups = []string{"data", "dba", "loop"}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("people, nested (-want +got):\n%s", diff)
	}
	if all, names = read(""); all[2].Groups != nil || names != nil {
		t.Errorf("without a base of groups: %v, %v", all[2].Groups, names)
	}
}

// TestServerSaysNo: what a person at the bot reads, and whether a later try helps.
func TestServerSaysNo(t *testing.T) {
	s := slapd(t, crowd(2*small))
	cut := cutter(t, strings.TrimPrefix(s.plain, "ldap://"), 9000)
	tests := map[string]struct {
		config  string
		kind    provision.Kind
		message string
	}{
		"wrong password":      {strings.Replace(account(s.plain, bot, ""), password, "guess", 1), provision.KindRefused, "bind_dn or password is wrong"},
		"unknown account":     {account(s.plain, "cn=nobody,"+suffix, ""), provision.KindRefused, "bind_dn or password is wrong"},
		"no such base":        {strings.Replace(account(s.plain, bot, ""), "ou=people", "ou=folk", 1), provision.KindRefused, "knows nothing under a base"},
		"a size limit":        {account(s.plain, "cn=small,"+suffix, ""), provision.KindRefused, "cuts the answer off at a limit"},
		"a limit over pages":  {account(s.plain, "cn=small,"+suffix, "page_size: 10"), provision.KindRefused, "cuts the answer off at a limit"},
		"gone between pages":  {account("ldap://"+cut, bot, "page_size: 10"), provision.KindRetry, "could not be reached"},
		"nobody is there":     {account("ldap://127.0.0.1:1", bot, ""), provision.KindRetry, "could not be reached"},
		"untrusted":           {account(s.tls, bot, ""), provision.KindRetry, "certificate is not trusted"},
		"untrusted start_tls": {account(s.plain, bot, "start_tls: true"), provision.KindRetry, "could not be reached"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			all, _, err := connect(t, tt.config).(provision.Directory).People(t.Context())
			if err == nil || provision.KindOf(err) != tt.kind || !strings.Contains(provision.MessageOf(err), tt.message) {
				t.Errorf("%d people, %s: %v", len(all), provision.KindOf(err), err)
			}
			if err != nil && (strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "guess")) {
				t.Errorf("the password is in %v", err)
			}
		})
	}
	s.kill()
	if _, _, err := connect(t, account(s.plain, bot, "")).(provision.Directory).People(t.Context()); provision.KindOf(err) != provision.KindRetry {
		t.Errorf("killed: %v", err)
	}
}

// cutter passes on to addr, and breaks each connection after so many bytes of answers.
func cutter(t *testing.T, addr string, most int64) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", addr)
			if err != nil {
				_ = in.Close()
				continue
			}
			go func() { _, _ = io.Copy(out, in); _ = out.Close() }()
			go func() { _, _ = io.CopyN(in, out, most); _ = in.Close(); _ = out.Close() }()
		}
	}()
	return l.Addr().String()
}

// TestCancel: a server that says nothing is not waited for longer than the caller does.
func TestCancel(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c := connect(t, account("ldap://"+l.Addr().String(), bot, ""))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, _, err = c.(provision.Directory).People(ctx)
	if err == nil || time.Since(begun) > time.Minute || provision.MessageOf(err) != "The system did not answer in time." {
		t.Errorf("after %s: %v", time.Since(begun), err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := c.(provision.Pinger).Ping(ctx); err == nil {
		t.Error("a ping that was given up succeeds")
	}
}
