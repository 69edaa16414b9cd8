package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/config"
	manifest "apono/docs/teams-manifest"
)

// teamsCommand holds what an operator needs for Microsoft Teams.
func teamsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "teams", Short: "What Microsoft Teams needs", Args: cobra.NoArgs, RunE: helpAlone}
	cmd.AddCommand(teamsManifestCommand())
	return cmd
}

func teamsManifestCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "manifest", Short: "Make the package that is uploaded to Teams", Args: cobra.NoArgs}
	path := configFlags(cmd)
	out := cmd.Flags().String("out", "app.zip", "file to write")
	appID := cmd.Flags().String("app-id", "", "the Application (client) ID; left out: teams.app_id of the configuration")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		id := *appID
		if id == "" {
			cfg, err := loadConfig(cmd, *path, true)
			if err != nil {
				return err
			}
			if err := cfg.Close(); err != nil {
				return err
			}
			id = cfg.Teams.AppID
		}
		if id == "" {
			return errors.New("there is no teams.app_id in the configuration: set it, or say --app-id")
		}
		if !config.IsEntraID(id) {
			return fmt.Errorf("%q is no Application (client) ID: copy it from the Overview of the app registration", id)
		}
		packed, err := teamsPackage(id)
		if err != nil {
			return err
		}
		if err := os.WriteFile(*out, packed, 0o644); err != nil { //nolint:gosec // it is published
			return err
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is made for the app %s. Upload it in the Teams admin center, under Teams apps, Manage apps, or in Teams under Apps, Manage your apps.\n", *out, id)
		return err
	}
	return cmd
}

// teamsPackage is the app package: the manifest with the app's id, and its icons.
// https://learn.microsoft.com/microsoftteams/platform/concepts/build-and-test/apps-package
func teamsPackage(appID string) ([]byte, error) {
	raw, err := manifest.Files.ReadFile("manifest.json")
	if err != nil {
		return nil, err
	}
	var m map[string]any
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	m["id"] = appID
	bots, _ := m["bots"].([]any)
	for _, b := range bots {
		if b, ok := b.(map[string]any); ok {
			b["botId"] = appID
		}
	}
	filled, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	z := zip.NewWriter(&packed)
	for _, name := range []string{"manifest.json", "color.png", "outline.png"} {
		content := filled
		if name != "manifest.json" {
			if content, err = manifest.Files.ReadFile(name); err != nil {
				return nil, err
			}
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
