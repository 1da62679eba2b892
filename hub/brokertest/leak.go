package brokertest

import (
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Main runs the tests of a package and fails when goroutines are left. Call it
// from TestMain.
func Main(m *testing.M) { goleak.VerifyTestMain(m) }

// NoneLeft waits until there are no more goroutines than before, and fails
// with what they do when some stay.
func NoneLeft(t testing.TB, before int) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(deadline) {
			var stacks strings.Builder
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks.String())
		}
		<-time.After(5 * time.Millisecond)
	}
}
