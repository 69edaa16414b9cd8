package postgresql

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"apono/flows"
	"apono/provision"
)

// credentials are what the person needs to connect, to one database or several.
func (c *connection) credentials(role string, password flows.Secret, databases []string) provision.Credentials {
	names, ports := c.addresses()
	plain := func(name, value string) provision.Field {
		return provision.Field{Name: name, Value: flows.Secret(value)}
	}
	database := plain("database", strings.Join(databases, ", "))
	if len(databases) > 1 {
		database.Name = "databases"
	}
	var b strings.Builder
	b.WriteString("Connect with psql, which asks for the password:\n")
	for _, d := range databases {
		b.WriteString("psql '" + c.url(role, d, names, ports) + "'\n")
	}
	return provision.Credentials{
		Fields: []provision.Field{
			plain("host", strings.Join(names, ", ")), plain("port", strings.Join(unique(ports), ", ")), database,
			plain("username", role),
			{Name: "password", Value: password, Secret: true},
		},
		Instructions: b.String(),
	}
}

// addresses are the hosts of the connection string, each with its port.
func (c *connection) addresses() (names, ports []string) {
	add := func(host string, port uint16) {
		p := strconv.Itoa(int(port))
		for i := range names {
			if names[i] == host && ports[i] == p {
				return // the same again, without TLS
			}
		}
		names, ports = append(names, host), append(ports, p)
	}
	add(c.base.Host, c.base.Port)
	for _, f := range c.base.Fallbacks {
		add(f.Host, f.Port)
	}
	return names, ports
}

// url has every character escaped that means something to a shell between single
// quotes, or to libpq: names are what people made them.
// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
func (c *connection) url(role, database string, names, ports []string) string {
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	addresses := make([]string, len(names))
	for i, host := range names {
		if strings.HasPrefix(host, "/") {
			host = escape(host)
		}
		addresses[i] = net.JoinHostPort(host, ports[i])
	}
	out := "postgresql://" + escape(role) + "@" + strings.Join(addresses, ",") + "/" + escape(database)
	if c.encrypted() {
		out += "?sslmode=require"
	}
	return out
}

// encrypted reports whether the bot itself never goes without TLS.
func (c *connection) encrypted() bool {
	for _, f := range c.base.Fallbacks {
		if f.TLSConfig == nil {
			return false
		}
	}
	return c.base.TLSConfig != nil
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	return out
}
