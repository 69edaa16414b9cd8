// Command manifests judges the files of docs/install that a cluster or a container engine would read, without either:
//
//	manifests schemas DIR    writes the JSON schemas of Kubernetes' kinds, strict ones, for kubeconform
//	manifests compose FILE   loads a Compose file as `docker compose config` does
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"

	_ "k8s.io/cli-runtime/pkg/genericiooptions" // its module carries Kubernetes' API description
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "manifests: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "schemas":
		return schemas(ctx, args[1])
	case len(args) == 2 && args[0] == "compose":
		return compose(ctx, args[1])
	}
	return errors.New("schemas DIR or compose FILE")
}

// kinds are those that docs/install may use, with their definitions.
var kinds = map[string]string{
	"namespace": "io.k8s.api.core.v1.Namespace", "serviceaccount": "io.k8s.api.core.v1.ServiceAccount",
	"configmap": "io.k8s.api.core.v1.ConfigMap", "persistentvolumeclaim": "io.k8s.api.core.v1.PersistentVolumeClaim",
	"deployment": "io.k8s.api.apps.v1.Deployment", "service": "io.k8s.api.core.v1.Service", "pod": "io.k8s.api.core.v1.Pod",
	"networkpolicy": "io.k8s.api.networking.v1.NetworkPolicy",
}

// schemas writes DIR/KIND.json, each with all definitions beside it.
func schemas(ctx context.Context, dir string) error {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/cli-runtime").Output()
	if err != nil {
		return fmt.Errorf("find k8s.io/cli-runtime: %w", err)
	}
	raw, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "artifacts", "openapi", "swagger.json"))
	if err != nil {
		return err
	}
	var api struct {
		Definitions map[string]map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(raw, &api); err != nil {
		return err
	}
	for name, d := range api.Definitions {
		if _, object := d["properties"]; object {
			d["additionalProperties"] = false
		}
		if d["format"] == "int-or-string" || strings.HasSuffix(name, "resource.Quantity") {
			api.Definitions[name] = map[string]any{"type": []string{"string", "integer"}}
		}
	}
	for kind, name := range kinds {
		d, known := api.Definitions[name]
		if !known {
			return fmt.Errorf("there is no definition %s", name)
		}
		schema := maps.Clone(d)
		schema["required"] = []string{"apiVersion", "kind", "metadata"}
		schema["definitions"] = api.Definitions
		b, err := json.Marshal(schema)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, kind+".json"), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// compose resolves the file against its schema, with the variables and files it names.
func compose(ctx context.Context, file string) error {
	o, err := cli.NewProjectOptions([]string{file}, cli.WithWorkingDirectory(filepath.Dir(file)), cli.WithOsEnv)
	if err != nil {
		return err
	}
	p, err := o.LoadProject(ctx)
	if err != nil {
		return err
	}
	for _, s := range p.Services {
		fmt.Printf("compose: service %s is sound, image %s\n", s.Name, s.Image)
	}
	return nil
}
