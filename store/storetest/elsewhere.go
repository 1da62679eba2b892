package storetest

import (
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"
)

const elsewhere = "STORETEST_ELSEWHERE"

// InNewYork runs the test that calls it once more, in a process whose machine is
// in New York; only there is the answer true.
func InNewYork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(elsewhere) != "" {
		if _, behind := time.Date(2026, 7, 1, 0, 0, 0, 0, time.Local).Zone(); behind != -4*60*60 {
			t.Fatalf("this is not New York, but %d s from UTC", behind)
		}
		return true
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+regexp.QuoteMeta(t.Name())+"$") //nolint:gosec // ourselves
	again.Env = append(os.Environ(), "TZ=America/New_York", elsewhere+"=yes")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("in New York: %v\n%s", err, out)
	}
	return false
}
