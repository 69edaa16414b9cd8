package config

import (
	"time"

	"go.yaml.in/yaml/v3"
)

// The shape of the file: the one place that knows its keys. Keys of features
// that are not there yet are nodes, so that they are known and refused.

type fileShape struct {
	Slack        *yaml.Node `yaml:"slack"`
	Teams        *yaml.Node `yaml:"teams"`
	HTTP         *yaml.Node `yaml:"http"`
	Store        *yaml.Node `yaml:"store"`
	Credentials  *yaml.Node `yaml:"credentials"`
	Approvals    *yaml.Node `yaml:"approvals"`
	Admins       *yaml.Node `yaml:"admins"`
	Sync         *yaml.Node `yaml:"sync"`
	Audit        *yaml.Node `yaml:"audit"`
	Log          *yaml.Node `yaml:"log"`
	Integrations *yaml.Node `yaml:"integrations"`
	AccessScopes *yaml.Node `yaml:"access_scopes"`
	Bundles      *yaml.Node `yaml:"bundles"`
	Flows        *yaml.Node `yaml:"flows"`
	Tests        *yaml.Node `yaml:"tests"`
	Sample       *yaml.Node `yaml:"test_inventory"`
	Reports      *yaml.Node `yaml:"reports"`
}

type slackShape struct {
	AppToken     scalar `yaml:"app_token"`
	BotToken     scalar `yaml:"bot_token"`
	APIURL       scalar `yaml:"api_url"`
	Command      scalar `yaml:"command"`
	AuditChannel scalar `yaml:"audit_channel"`
}

type teamsShape struct {
	AppID             scalar   `yaml:"app_id"`
	AppPassword       scalar   `yaml:"app_password"`
	TenantID          scalar   `yaml:"tenant_id"`
	AuditConversation scalar   `yaml:"audit_conversation"`
	OpenIDMetadataURL scalar   `yaml:"openid_metadata_url"`
	TokenURL          scalar   `yaml:"token_url"`
	ServiceURLs       []string `yaml:"service_urls"`
}

type httpShape struct {
	Listen   scalar `yaml:"listen"`
	APIToken scalar `yaml:"api_token"`
}

type storeShape struct {
	Driver scalar `yaml:"driver"`
	Path   scalar `yaml:"path"`
	DSN    scalar `yaml:"dsn"`
}

type credentialsShape struct {
	TTL scalar `yaml:"ttl"`
	Key scalar `yaml:"key"`
}

type approvalsShape struct {
	RequestTimeout scalar     `yaml:"request_timeout"`
	Fallback       *yaml.Node `yaml:"fallback"`
}

type syncShape struct {
	Interval            scalar `yaml:"interval"`
	HoldWhenShrinkingBy scalar `yaml:"hold_when_shrinking_by"`
	DriftInterval       scalar `yaml:"drift_interval"`
}

type reportShape struct {
	Name     string         `yaml:"name"`
	Cron     string         `yaml:"cron"`
	TimeZone string         `yaml:"time_zone"`
	Format   string         `yaml:"format"`
	Filter   filterShape    `yaml:"filter"`
	Period   *time.Duration `yaml:"period"`
	Channel  string         `yaml:"channel"`
	Person   string         `yaml:"person"`
}

type filterShape struct {
	Users        []string `yaml:"users"`
	Integrations []string `yaml:"integrations"`
	Statuses     []string `yaml:"statuses"`
}

type auditShape struct {
	Retention scalar `yaml:"retention"`
}

type logShape struct {
	Level  scalar `yaml:"level"`
	Format scalar `yaml:"format"`
}

type integrationShape struct {
	Name          string          `yaml:"name"`
	Type          string          `yaml:"type"`
	Config        *yaml.Node      `yaml:"config"`
	SyncInterval  *time.Duration  `yaml:"sync_interval"`
	Owner         *conditionShape `yaml:"owner"`
	OwnersMapping *mappingShape   `yaml:"owners_mapping"`
	AccessDetails string          `yaml:"access_details"`
}

type mappingShape struct {
	Tag       string `yaml:"tag"`
	Attribute string `yaml:"attribute"`
}

type escalationShape struct {
	Interval *time.Duration `yaml:"interval"`
	Groups   []groupShape   `yaml:"groups"`
}

type conditionShape struct {
	Attribute string   `yaml:"attribute"`
	Operator  string   `yaml:"operator"`
	Values    []string `yaml:"values"`
}

type conditionsShape struct {
	Match      string           `yaml:"match"`
	Conditions []conditionShape `yaml:"conditions"`
}

type groupShape struct {
	Match     string           `yaml:"match"`
	Approvers []conditionShape `yaml:"approvers"`
}

type tagShape struct {
	Key   string  `yaml:"key"`
	Value *string `yaml:"value"`
}

type selectorShape struct {
	Names   []string   `yaml:"names"`
	Tags    []tagShape `yaml:"tags"`
	Parents []string   `yaml:"parents"`
}

type resourcesShape struct {
	Include *selectorShape `yaml:"include"`
	Exclude *selectorShape `yaml:"exclude"`
}

type targetShape struct {
	Integration  string          `yaml:"integration"`
	ResourceType string          `yaml:"resource_type"`
	Permissions  []string        `yaml:"permissions"`
	Resources    *resourcesShape `yaml:"resources"`
	Bundle       string          `yaml:"bundle"`
	AccessScope  string          `yaml:"access_scope"`
}

type scopeShape struct {
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	Query       string `yaml:"query"`
}

type timeframeShape struct {
	Days     []string `yaml:"days"`
	From     string   `yaml:"from"`
	To       string   `yaml:"to"`
	TimeZone string   `yaml:"time_zone"`
}

type bundleShape struct {
	Name    string        `yaml:"name"`
	Targets []targetShape `yaml:"targets"`
}

type requestForShape struct {
	Scopes   []string         `yaml:"scopes"`
	Grantees *conditionsShape `yaml:"grantees"`
}

type approvalShape struct {
	Mode              string           `yaml:"mode"`
	DistinctApprovers *bool            `yaml:"distinct_approvers"`
	Groups            []groupShape     `yaml:"groups"`
	Escalation        *escalationShape `yaml:"escalation"`
}

type settingsShape struct {
	JustificationRequired      *bool          `yaml:"justification_required"`
	RequireApproverReason      *bool          `yaml:"require_approver_reason"`
	RequestorCannotApproveSelf *bool          `yaml:"requestor_cannot_approve_self"`
	MaxExtensions              int            `yaml:"max_extensions"`
	ExtensionDuration          *time.Duration `yaml:"extension_duration"`
	BreakGlass                 bool           `yaml:"break_glass"`
	OnLostRight                *string        `yaml:"on_lost_right"`
}

type flowShape struct {
	Name          string           `yaml:"name"`
	Trigger       *string          `yaml:"trigger"`
	Active        *bool            `yaml:"active"`
	Description   string           `yaml:"description"`
	Labels        []string         `yaml:"labels"`
	Timeframe     *timeframeShape  `yaml:"timeframe"`
	Requestors    *conditionsShape `yaml:"requestors"`
	RequestFor    *requestForShape `yaml:"request_for"`
	Targets       []targetShape    `yaml:"targets"`
	GrantDuration *string          `yaml:"grant_duration"`
	Approval      *approvalShape   `yaml:"approval"`
	Settings      settingsShape    `yaml:"settings"`
}
