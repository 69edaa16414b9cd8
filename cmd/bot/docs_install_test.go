package main

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"apono/cmd/bot/internal/ops"
)

const docs = "../../docs"

// node is a YAML document under a test.
type node map[string]any

// documents reads all documents of a file by kind.
func documents(t *testing.T, path string) map[string]node {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]node{}
	for dec := yaml.NewDecoder(bytes.NewReader(raw)); ; {
		var n node
		switch err := dec.Decode(&n); {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			t.Fatal(err)
		}
		kind, _ := n["kind"].(string)
		out[kind] = n
	}
}

// at is what stands at a path of keys; nil: nothing.
func (n node) at(path string) any {
	var v any = n
	for key := range strings.SplitSeq(path, ".") {
		switch m := v.(type) {
		case node:
			v = m[key]
		case map[string]any:
			v = m[key]
		case []any:
			v = nil
			if len(m) > 0 {
				v = m[0]
			}
		default:
			return nil
		}
	}
	return v
}

func (n node) text(path string) string {
	s, _ := n.at(path).(string)
	return s
}

// TestInstallKubernetes: what the manifests promise beyond what their schemas know.
func TestInstallKubernetes(t *testing.T) {
	all := documents(t, filepath.Join(docs, "install/kubernetes/apono.yaml"))
	restore := documents(t, filepath.Join(docs, "install/kubernetes/restore.yaml"))["Pod"]
	deployment := all["Deployment"]
	if deployment.at("spec.replicas") != 1 || deployment.text("spec.strategy.type") != "Recreate" {
		t.Error("one replica, and never two at once: the database has one writer")
	}
	const pod = "spec.template.spec."
	for where, n := range map[string]struct {
		node
		prefix string
	}{"the deployment": {deployment, pod}, "the restore": {restore, "spec."}} {
		for path, want := range map[string]any{
			"securityContext.runAsNonRoot": true, "securityContext.runAsUser": 65532, "securityContext.fsGroup": 65532,
			"securityContext.seccompProfile.type":                 "RuntimeDefault",
			"automountServiceAccountToken":                        false,
			"containers.0.securityContext.readOnlyRootFilesystem": true, "containers.0.securityContext.allowPrivilegeEscalation": false,
			"containers.0.securityContext.capabilities.drop.0": "ALL",
			"containers.0.image":                        deployment.at(pod + "containers.0.image"),
			"containers.0.volumeMounts.0.mountPath":     "/data",
			"volumes.0.persistentVolumeClaim.claimName": all["PersistentVolumeClaim"].at("metadata.name"),
		} {
			if got := n.at(n.prefix + path); got != want {
				t.Errorf("%s: %s is %v, want %v", where, path, got, want)
			}
		}
	}
	labels := deployment.at("spec.template.metadata.labels")
	for where, selector := range map[string]any{
		"the deployment": deployment.at("spec.selector.matchLabels"), "the service": all["Service"].at("spec.selector"),
		"the network policy": all["NetworkPolicy"].at("spec.podSelector.matchLabels"),
	} {
		if diff := cmp.Diff(labels, selector); diff != "" || labels == nil {
			t.Errorf("%s selects other pods (-labels +selector):\n%s", where, diff)
		}
	}
	if deployment.at(pod+"serviceAccountName") != all["ServiceAccount"].at("metadata.name") || deployment.at(pod+"containers.0.ports.0.name") != all["Service"].at("spec.ports.0.targetPort") {
		t.Error("the service account or the port is not that of the deployment")
	}
	for kind, n := range all {
		if ns := n.at("metadata.namespace"); kind != "Namespace" && ns != all["Namespace"].at("metadata.name") {
			t.Errorf("%s is in the namespace %v", kind, ns)
		}
	}
	handler := ops.Handler(ops.NewMetrics("v", func() ops.Snapshot { return ops.Snapshot{} }), func() map[string]string { return nil }, func() map[string]string { return nil }, func() map[string]string { return nil })
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		path := deployment.text(pod + "containers.0." + probe + ".httpGet.path")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
		if path == "" || answer.Code != 200 {
			t.Errorf("%s asks %q, which answers %d", probe, path, answer.Code)
		}
	}
	if diff := cmp.Diff([]any{"Ingress", "Egress"}, all["NetworkPolicy"].at("spec.policyTypes")); diff != "" {
		t.Errorf("the network policy (-want +got):\n%s", diff)
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	data, _ := all["ConfigMap"]["data"].(node)
	text, _ := data["config.yaml"].(string) // at would split at the dot
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if cfg, report := load(t, path); cfg == nil || len(report.Problems) > 0 {
		t.Errorf("its configuration has problems: %v", report.Problems)
	}
	secrets, err := os.ReadFile(filepath.Join(docs, "install/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`env:([A-Z_]+)`).FindAllStringSubmatch(text, -1) {
		if !bytes.Contains(secrets, []byte("\n"+m[1]+"=")) {
			t.Errorf("docs/install/README.md does not name the secret %s", m[1])
		}
	}
}

// TestInstallSystemd: the unit gives the service what it needs. How little it leaves
// to an intruder, scripts/check-docs judges.
func TestInstallSystemd(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join(docs, "install/systemd/apono.service"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"StateDirectory=apono", "WorkingDirectory=/var/lib/apono", "ExecStart=/usr/local/bin/bot run", "Restart=always",
		"StartLimitIntervalSec=0", "ProtectSystem=strict", "NoNewPrivileges=yes", "User=apono",
		"AF_UNIX", // of the control socket
	} {
		if !bytes.Contains(unit, []byte(want)) {
			t.Errorf("the unit lacks %s", want)
		}
	}
}

// TestInstallImage: the build sees every folder that the program is made of, and
// the image keeps its promises.
func TestInstallImage(t *testing.T) {
	ignore, err := os.ReadFile("../../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	kept := strings.Split(string(ignore), "\n")
	for _, m := range regexp.MustCompile(`(?m)^apono/(.+)$`).FindAllStringSubmatch(string(out), -1) {
		if !slices.ContainsFunc(kept, func(line string) bool { return strings.HasPrefix("!"+m[1]+"/", line+"/") }) {
			t.Errorf(".dockerignore keeps %s out of the build", m[1])
		}
	}
	file, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CGO_ENABLED=0", "distroless/static:nonroot", "USER 65532:65532", "VOLUME /data", `CMD ["/bot", "health"]`} {
		if !bytes.Contains(file, []byte(want)) {
			t.Errorf("the Dockerfile lacks %s", want)
		}
	}
	compose := node{}
	raw, err := fs.ReadFile(os.DirFS(docs), "install/compose/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, &compose); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{"user": "65532:65532", "read_only": true, "cap_drop.0": "ALL", "volumes.0": "./config.yaml:/etc/apono/config.yaml:ro"} {
		if got := compose.at("services.bot." + path); got != want {
			t.Errorf("compose.yaml: %s is %v, want %v", path, got, want)
		}
	}
}
