package ops

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"apono/flows"
)

// Snapshot is what is counted when somebody looks.
type Snapshot struct {
	Requests   map[flows.State]int // requests that are not over, by state
	Overdue    int                 // access groups whose revoke is overdue
	Backlog    map[flows.Lane]Backlog
	Sources    []Source
	Drifts     []Drift
	Connected  bool   // Slack can reach the bot
	Bytes      int64  // size of the database
	Unreadable int    // rows of the database that were passed over
	Panics     uint64 // in the database and what it decides, since the start
}

// Backlog of one lane of the outbox.
type Backlog struct {
	Tasks  int
	Oldest time.Time // zero: none
}

// Source is one integration as a source of people and inventory.
type Source struct {
	Name   string
	Synced time.Time // zero: never
	OK     bool
}

// Drift is where one integration and the records disagree, as it was found last.
type Drift struct {
	Integration string
	Orphans     int // grants that it holds and no record explains
	Missing     int // live grants that it does not hold
}

// Metrics of the bot. Each is set somewhere; a test proves it.
type Metrics struct {
	Registry *prometheus.Registry

	Transitions *prometheus.CounterVec   // by event, outcome
	Tries       *prometheus.CounterVec   // by lane, kind, integration, result
	TryTime     *prometheus.HistogramVec // by lane, kind
	Running     *prometheus.GaugeVec     // by lane
	Slack       *prometheus.CounterVec   // by event, detail
	Teams       *prometheus.CounterVec   // by event, detail
	API         *prometheus.CounterVec   // by endpoint, outcome
	Lateness    prometheus.Histogram
	Sweeps      *prometheus.CounterVec // by job, outcome
	Preflight   prometheus.Gauge       // problems that the last preflight found

	reloadOK, reloadAt prometheus.Gauge
}

// Reloaded counts that a saved configuration was put into force or refused. The
// start is the first that was put into force.
func (m *Metrics) Reloaded(ok bool, now time.Time) {
	m.reloadOK.Set(0)
	if ok {
		m.reloadOK.Set(1)
		m.reloadAt.Set(float64(now.Unix()))
	}
}

// NewMetrics registers all metrics. snapshot is called at each scrape.
func NewMetrics(version string, snapshot func() Snapshot) *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		Transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apono_transitions_total", Help: "Events applied to requests, by event and outcome (ok, or the code of the refusal).",
		}, []string{"event", "outcome"}),
		Tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apono_task_tries_total", Help: "Tries of outbox tasks, by lane, kind, integration (target tasks) and result.",
		}, []string{"lane", "kind", "integration", "result"}),
		TryTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "apono_task_try_duration_seconds", Help: "Time one try of a task took.", Buckets: prometheus.ExponentialBuckets(0.005, 4, 8),
		}, []string{"lane", "kind"}),
		Running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "apono_tasks_running", Help: "Tasks under way at this moment, by lane.",
		}, []string{"lane"}),
		Slack: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apono_slack_events_total", Help: "Calls to Slack and deliveries from it, by what happened and detail.",
		}, []string{"event", "detail"}),
		Teams: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apono_teams_events_total", Help: "Calls to Microsoft Teams and deliveries from it, by what happened and detail.",
		}, []string{"event", "detail"}),
		API: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apono_api_requests_total", Help: "Calls of the API, by endpoint and outcome.",
		}, []string{"endpoint", "outcome"}),
		Lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "apono_expiry_lateness_seconds", Help: "Time from the end of a grant to the moment the bot began to revoke it.",
			Buckets: []float64{0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000}, // written out: powers of 3 get labels like 0.30000000000000004
		}),
		Sweeps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apono_sweeps_total", Help: "Runs of the sweep jobs, by job and outcome.",
		}, []string{"job", "outcome"}),
		Preflight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "apono_preflight_problems", Help: "What has to be mended in Slack, as the preflight at start and every week found it: scopes, audit channel, clock, approvers whom no card reaches.",
		}),
		reloadOK: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "apono_config_last_reload_successful", Help: "Whether the configuration as it was saved last is in force; 0: it was refused.",
		}),
		reloadAt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "apono_config_loaded_timestamp_seconds", Help: "Time at which the configuration in force was loaded.",
		}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "apono_build_info", Help: "The version that runs; always 1."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.Registry.MustRegister(
		m.Transitions, m.Tries, m.TryTime, m.Running, m.Slack, m.Teams, m.API, m.Lateness, m.Sweeps, m.Preflight, m.reloadOK, m.reloadAt, build, &live{snapshot: snapshot},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// live are the metrics that are looked up at each scrape.
type live struct{ snapshot func() Snapshot }

var (
	descRequests   = prometheus.NewDesc("apono_requests", "Requests that are not over, by state.", []string{"state"}, nil)
	descOverdue    = prometheus.NewDesc("apono_overdue_revokes", "Access groups whose revoke is overdue at this moment.", nil, nil)
	descTasks      = prometheus.NewDesc("apono_outbox_tasks", "Tasks that wait in the outbox, by lane.", []string{"lane"}, nil)
	descOldest     = prometheus.NewDesc("apono_outbox_oldest_seconds", "Age of the oldest waiting task, by lane; 0 without one.", []string{"lane"}, nil)
	descSource     = prometheus.NewDesc("apono_integration_up", "Whether the last sync of an integration succeeded.", []string{"integration"}, nil)
	descSynced     = prometheus.NewDesc("apono_integration_synced_timestamp_seconds", "Time of the last successful sync; 0: never.", []string{"integration"}, nil)
	descOrphans    = prometheus.NewDesc("apono_orphans", "Grants that an integration holds in the name of the bot and no live request explains, as the last comparison found.", []string{"integration"}, nil)
	descMissing    = prometheus.NewDesc("apono_missing_grants", "Live grants that an integration does not hold, as the last comparison found.", []string{"integration"}, nil)
	descConnected  = prometheus.NewDesc("apono_slack_connected", "Whether Slack can reach the bot over at least one socket.", nil, nil)
	descBytes      = prometheus.NewDesc("apono_store_size_bytes", "Size of the database file.", nil, nil)
	descUnreadable = prometheus.NewDesc("apono_store_unreadable_rows", "Rows of the database that could not be read and were passed over since the start.", nil, nil)
	descPanics     = prometheus.NewDesc("apono_store_panics_total", "Decisions and other operations of the database that panicked; nothing of theirs was written.", nil, nil)
)

func (l *live) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRequests, descOverdue, descTasks, descOldest, descSource, descSynced, descOrphans, descMissing, descConnected, descBytes, descUnreadable, descPanics} {
		ch <- d
	}
}

func (l *live) Collect(ch chan<- prometheus.Metric) {
	s := l.snapshot()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for _, st := range flows.States() {
		if !st.Terminal() {
			gauge(descRequests, float64(s.Requests[st]), string(st))
		}
	}
	gauge(descOverdue, float64(s.Overdue))
	for lane, b := range s.Backlog {
		gauge(descTasks, float64(b.Tasks), string(lane))
		age := 0.0
		if !b.Oldest.IsZero() {
			age = time.Since(b.Oldest).Seconds()
		}
		gauge(descOldest, age, string(lane))
	}
	for _, src := range s.Sources {
		up, synced := 0.0, 0.0
		if src.OK {
			up = 1
		}
		if !src.Synced.IsZero() {
			synced = float64(src.Synced.Unix())
		}
		gauge(descSource, up, src.Name)
		gauge(descSynced, synced, src.Name)
	}
	for _, d := range s.Drifts {
		gauge(descOrphans, float64(d.Orphans), d.Integration)
		gauge(descMissing, float64(d.Missing), d.Integration)
	}
	connected := 0.0
	if s.Connected {
		connected = 1
	}
	gauge(descConnected, connected)
	gauge(descBytes, float64(s.Bytes))
	gauge(descUnreadable, float64(s.Unreadable))
	ch <- prometheus.MustNewConstMetric(descPanics, prometheus.CounterValue, float64(s.Panics))
}
