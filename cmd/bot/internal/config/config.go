package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"apono/flows"
	"apono/provision"
)

// Config is a valid configuration.
type Config struct {
	Slack        Slack            `mapstructure:"slack"`
	Teams        Teams            `mapstructure:"teams"`
	HTTP         HTTP             `mapstructure:"http"`
	Store        Store            `mapstructure:"store"`
	Credentials  Credentials      `mapstructure:"credentials"`
	Approvals    Approvals        `mapstructure:"approvals"`
	Admins       flows.Conditions `mapstructure:"-"`
	Sync         Sync             `mapstructure:"sync"`
	Audit        Audit            `mapstructure:"audit"`
	Log          Log              `mapstructure:"log"`
	Integrations []Integration    `mapstructure:"-"`
	// Policy holds the flows, bundles, admins, fallback and time-out.
	Policy  flows.Policy      `mapstructure:"-"`
	Reports []ScheduledReport `mapstructure:"-"`
	// Tests of the policy. They were run, where everybody is known from the file.
	Tests []flows.PolicyTest `mapstructure:"-"`
	// Sample are resources that the tests, and what-ifs, assume where an integration
	// is not asked.
	Sample []flows.Holdings `mapstructure:"-"`
	// Digest is equal for files of equal content, those of secrets too; see the
	// function Digest.
	Digest string `mapstructure:"-"`
	// SecretFiles are the files that secrets are read from, in order.
	SecretFiles []string `mapstructure:"-"`

	found *problems // by Load; knows the places
}

// Check finds what is wrong with the policy only in the light of people and
// inventory as integrations tell them, and leaves out what Load found. A zero
// People or Inventory is not compared.
func (c *Config) Check(w flows.World) []Problem {
	k := flows.Known{People: w.People, Inventory: w.Inventory}
	p := &problems{file: c.found.file, root: c.found.root}
	for _, issue := range c.Policy.Check(k) {
		if !slices.ContainsFunc(c.found.list, func(x Problem) bool { return x.Path == issue.Path && x.Code == issue.Code }) {
			p.add(issue)
		}
	}
	return p.report().Problems
}

// RunTests runs the tests of the policy against a world that Load did not know, and
// returns what fails. The catalog of the world has to be that of the policy.
func (c *Config) RunTests(w flows.World) []Problem {
	p := &problems{file: c.found.file, root: c.found.root}
	for _, issue := range w.RunTests(c.Tests) {
		p.add(issue)
	}
	return p.report().Problems
}

// Slack connects the bot to a workspace. An empty BotToken: not.
type Slack struct {
	AppToken flows.Secret `mapstructure:"app_token"` // xapp-…, opens the socket
	BotToken flows.Secret `mapstructure:"bot_token"` // xoxb-…, calls the Web API
	APIURL   string       `mapstructure:"api_url"`   // ends with a slash
	Command  string       `mapstructure:"command"`   // with its slash
	// AuditChannel is a name with or without #, or an id; empty: none.
	AuditChannel string `mapstructure:"audit_channel"`
}

// Teams connects the bot to a tenant. An empty AppID: not.
type Teams struct {
	AppID             string       `mapstructure:"app_id"`       // of the app registration
	AppPassword       flows.Secret `mapstructure:"app_password"` // its client secret
	TenantID          string       `mapstructure:"tenant_id"`
	AuditConversation string       `mapstructure:"audit_conversation"` // "19:…@thread.tacv2"; empty: none
	// For tests and local emulators; empty: Microsoft's.
	OpenIDMetadataURL string   `mapstructure:"openid_metadata_url"`
	TokenURL          string   `mapstructure:"token_url"`
	ServiceURLs       []string `mapstructure:"-"` // where answers may be sent to
}

// HTTP is the listener for health, metrics and the API.
type HTTP struct {
	Listen string `mapstructure:"listen"` // host:port; empty: no listener; port 0: a free one
	// APIToken is a TokenHash of the bearer token of /api/v1; empty: nobody may call it.
	APIToken flows.Secret `mapstructure:"api_token"`
}

// Store is where the state is kept.
type Store struct {
	Driver string       `mapstructure:"driver"` // DriverBolt
	Path   string       `mapstructure:"path"`   // of the bbolt file, relative to the working directory
	DSN    flows.Secret `mapstructure:"dsn"`    // of PostgreSQL; not read while the driver is bolt
}

// DriverBolt is the embedded store, the one there is.
const DriverBolt = "bolt"

// Credentials says how secrets for people are kept until they look.
type Credentials struct {
	TTL time.Duration `mapstructure:"ttl"` // > 0
	Key flows.Secret  `mapstructure:"key"` // an age identity; empty: see CredentialsKey
}

// Approvals are rules for all flows. Both are part of Policy as well.
type Approvals struct {
	RequestTimeout time.Duration       `mapstructure:"request_timeout"` // > 0
	Fallback       flows.ApproverGroup `mapstructure:"-"`
}

// Sync says how integrations are read.
type Sync struct {
	Interval time.Duration `mapstructure:"interval"` // > 0
	// HoldWhenShrinkingBy is a percentage, 0 to 100: a sync that returns fewer
	// people, groups or resources than before by more than this is held.
	HoldWhenShrinkingBy int `mapstructure:"hold_when_shrinking_by"`
	// DriftInterval is how often integrations are asked what they hold in the name of
	// the bot; 0: never.
	DriftInterval time.Duration `mapstructure:"drift_interval"`
}

// Audit says how long what is over is kept.
type Audit struct {
	// Retention of audit events and of requests that ended; 0: for ever.
	Retention time.Duration `mapstructure:"retention"`
}

// ScheduledReport is delivered as a file, again and again.
type ScheduledReport struct {
	Name     string
	Cron     string // five fields, in TimeZone
	TimeZone string
	Format   string // csv or jsonl
	// Users, Integrations and Statuses are conditions; empty: none.
	Users, Integrations []string
	Statuses            []flows.FactKind
	Period              time.Duration // before the occurrence; 0: since the one before
	Channel, Person     string        // one of them; Person is an e-mail address
}

// Formats of the log.
const (
	LogJSON = "json"
	LogText = "text"
)

// Log says what is logged and how.
type Log struct {
	Level  slog.Level `mapstructure:"level"`
	Format string     `mapstructure:"format"` // LogJSON or LogText
}

// Integration is one connected system.
type Integration struct {
	Name string
	Type string
	// SyncInterval is that of the integration, or Sync.Interval; > 0.
	SyncInterval  time.Duration
	AccessDetails string // shown with the credentials; at most MaxAccessDetails runes
	// Connection is nil only where Options.SecretsOptional let a secret be missing
	// that the connection cannot do without.
	Connection provision.Connection
	// Settings is equal for integrations that are connected alike: of one type, with
	// equal config and equal secrets. It tells nothing else.
	Settings string
	closing  func() error // closes Connection, once
}

// Close closes the connection. A second call does nothing and returns the same.
func (in Integration) Close() error {
	if in.closing == nil {
		return nil
	}
	return in.closing()
}

// MaxAccessDetails is the limit of Integration.AccessDetails in runes.
const MaxAccessDetails = 400

// Close closes all connections that are not closed yet.
func (c *Config) Close() error {
	var errs []error
	for _, in := range c.Integrations {
		if err := in.Close(); err != nil {
			errs = append(errs, fmt.Errorf("integration %s: %w", in.Name, err))
		}
	}
	return errors.Join(errs...)
}
