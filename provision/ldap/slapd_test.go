package ldap_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	suffix   = "dc=example,dc=com"
	password = "the bot's p@ssword"
	small    = 40 // entries that the account cn=small may get at most
)

// server is a real slapd with its own data, which ends with the test.
type server struct {
	plain, tls string // URLs
	ca         string // file
	cmd        *exec.Cmd
	log        bytes.Buffer  // read it once the process has ended
	ended      chan struct{} // closed then
}

// slapd starts OpenLDAP on what the LDIF holds, below ou=people and ou=groups.
func slapd(t *testing.T, ldif string) *server {
	t.Helper()
	binary := os.Getenv("APONO_TEST_SLAPD")
	if binary == "" {
		t.Fatal("APONO_TEST_SLAPD is not set: run the tests with `make test` or `scripts/services run go test …`")
	}
	dir := t.TempDir()
	s := &server{ca: filepath.Join(dir, "cert.pem")}
	certificate(t, s.ca, filepath.Join(dir, "key.pem"))
	conf, data := filepath.Join(dir, "conf"), filepath.Join(dir, "data")
	for _, d := range []string{conf, data} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	load(t, conf, "0", strings.NewReplacer("${DIR}", dir, "${DATA}", data, "${SUFFIX}", suffix, "${PASSWORD}", password, "${SMALL}", fmt.Sprint(small)).Replace(serverConfig))
	load(t, conf, "1", baseData+ldif)
	t.Cleanup(s.kill)
	for range 3 { // ports that are free may be taken before it listens
		if s.start(t, binary, conf) {
			return s
		}
	}
	t.Fatalf("slapd ends at once:\n%s", &s.log)
	return nil
}

// start reports whether the server answers; else it has ended.
func (s *server) start(t *testing.T, binary, conf string) (answers bool) {
	t.Helper()
	addr := free(t, 2)
	s.plain, s.tls = "ldap://"+addr[0], "ldaps://"+addr[1]
	s.log.Reset()
	s.cmd = exec.CommandContext(context.Background(), binary, "-d", "0", "-F", conf, "-h", s.plain+" "+s.tls)
	s.cmd.Stderr = &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	s.ended = ended
	go func(cmd *exec.Cmd) {
		defer close(ended)
		_ = cmd.Wait()
	}(s.cmd)
	for begun := time.Now(); time.Since(begun) < 2*time.Minute; {
		select {
		case <-ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
		if conn, err := net.Dial("tcp", addr[1]); err == nil {
			_ = conn.Close()
			return true
		}
	}
	t.Fatal("slapd does not answer")
	return false
}

func (s *server) kill() {
	if s.ended != nil {
		_ = s.cmd.Process.Kill()
		<-s.ended
	}
}

func load(t *testing.T, conf, database, ldif string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(os.Getenv("APONO_TEST_SLAPD")), "slapadd"), "-q", "-n", database, "-F", conf)
	cmd.Stdin = strings.NewReader(ldif)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
}

// free are n addresses, no two the same, on which nobody listens.
func free(t *testing.T, n int) (addr []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		addr = append(addr, l.Addr().String())
	}
	return addr
}

// certificate is its own authority, for 127.0.0.1.
func certificate(t *testing.T, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "slapd of a test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

const serverConfig = `dn: cn=config
objectClass: olcGlobal
cn: config
olcTLSCertificateFile: ${DIR}/cert.pem
olcTLSCertificateKeyFile: ${DIR}/key.pem

dn: cn=module{0},cn=config
objectClass: olcModuleList
cn: module{0}
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif
include: file:///etc/ldap/schema/cosine.ldif
include: file:///etc/ldap/schema/nis.ldif
include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {1}mdb
olcSuffix: ${SUFFIX}
olcDbDirectory: ${DATA}
olcAccess: {0}to attrs=userPassword by anonymous auth by * none
olcAccess: {1}to * by dn.exact="cn=bot,${SUFFIX}" read by dn.exact="cn=small,${SUFFIX}" read by * none
olcLimits: {0}dn.exact="cn=small,${SUFFIX}" size.prtotal=${SMALL} size.hard=${SMALL}
olcLimits: {1}dn.exact="cn=bot,${SUFFIX}" size.prtotal=unlimited
`

const baseData = `dn: dc=example,dc=com
objectClass: domain
dc: example

dn: cn=bot,dc=example,dc=com
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: bot
userPassword: the bot's p@ssword

dn: cn=small,dc=example,dc=com
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: small
userPassword: the bot's p@ssword

dn: ou=people,dc=example,dc=com
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=com
objectClass: organizationalUnit
ou: groups

`
