package main

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets the heap grow. The stories make and drop hundreds of small worlds,
// and a collection each time 4 MB are full takes a tenth of the processor.
func TestMain(m *testing.M) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	os.Exit(m.Run())
}
