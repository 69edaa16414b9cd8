package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/living"
	"apono/flows"
	"apono/store/bolt"
)

// What the tests of a policy are run on.
const (
	testsSample = "sample"
	testsCached = "cached"
	testsLive   = "live"
)

// testOn runs the tests of a policy on people and resources as integrations tell or told
// them.
func testOn(cmd *cobra.Command, path, on string, cfg *config.Config, report *config.Report) (err error) {
	silent := slog.New(slog.DiscardHandler)
	world := living.New(setup(cfg, silent), silent)
	problem := func(name, code, message string) {
		report.Problems = append(report.Problems, config.Problem{Source: "integrations " + name, Issue: flows.Issue{Severity: flows.SeverityError, Code: code, Message: message}})
	}
	if on == testsLive {
		ctx, cancel := context.WithTimeout(cmd.Context(), askFor)
		defer cancel()
		world.Sync(ctx)
	} else {
		known := false
		err = onCopy(cmd, path, cfg, func(s *bolt.Store) error {
			known = true
			return world.Remember(cmd.Context(), s)
		})
		if err != nil {
			return err
		}
		if !known {
			return errors.New("there is no database, so nothing is cached: start the bot, or use --tests live")
		}
	}
	before := len(report.Problems)
	for _, h := range world.Health() {
		switch {
		case on == testsLive && (h.Problem != "" || h.Synced.IsZero()):
			problem(h.Name, config.CodeTestsNotRun, "the tests were not run, since it cannot be read: "+cmp.Or(h.Problem, "it did not answer"))
		case h.Synced.IsZero():
			problem(h.Name, config.CodeTestsNotRun, "the tests were not run, since the database knows nothing of it yet")
		}
	}
	if len(report.Problems) > before {
		return nil
	}
	report.Problems = append(report.Problems, cfg.RunTests(world.World())...)
	return nil
}

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Short: "Check a configuration; every problem at once, with file:line:col", Args: cobra.NoArgs,
	}
	path := configFlags(cmd)
	format := cmd.Flags().String("format", "text", "text or json")
	online := cmd.Flags().Bool("online", false, "also ask Slack, Teams and every integration: tokens, scopes, audit channel, clock")
	testsOn := cmd.Flags().String("tests", testsSample, "run the tests of the policy on sample (people of the file and test_inventory), cached (what the bot's database keeps\n"+
		"of the last syncs) or live (what the integrations say now)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !slices.Contains([]string{testsSample, testsCached, testsLive}, *testsOn) {
			return fmt.Errorf("--tests is %s, %s or %s, not %q", testsSample, testsCached, testsLive, *testsOn)
		}
		if *format != "text" && *format != "json" {
			return fmt.Errorf("--format is text or json, not %q", *format)
		}
		o, err := loadOptions(cmd, *path)
		if err != nil {
			return err
		}
		o.TestsLater = *testsOn != testsSample
		cfg, report := config.Load(cmd.Context(), o)
		if cfg != nil {
			if *online {
				err = checkOnline(cmd.Context(), cfg, report)
			}
			if *testsOn != testsSample {
				err = errors.Join(err, testOn(cmd, *path, *testsOn, cfg, report))
			}
			if err = closeAfter(cfg, err); err != nil {
				return err
			}
		}
		write := report.WriteText
		if *format == "json" {
			write = report.WriteJSON
		}
		if err := write(cmd.OutOrStdout()); err != nil {
			return err
		}
		if !report.OK() {
			return refused(cmd, report)
		}
		return nil
	}
	return cmd
}
