package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestArch_OneClock: the service reads the time in one place, so that a demonstration can move it. See decision 0008.
func TestArch_OneClock(t *testing.T) {
	files, err := filepath.Glob("../../bot/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	reads := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(source), "time.Now()"); n > 0 && filepath.Base(file) != "bot.go" {
			t.Errorf("%s calls time.Now; use Service.now", file)
		} else {
			reads += n
		}
	}
	if reads != 1 {
		t.Errorf("the service reads the clock in %d places", reads)
	}
}
