package brokertest

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// Main runs the tests of a package and fails when goroutines of ours or of the
// Redis library are left. Call it from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	for deadline := time.Now().Add(5 * time.Second); ; {
		left := ours()
		if len(left) == 0 {
			os.Exit(code)
		}
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", strings.Join(left, "\n\n"))
			os.Exit(1)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// ours returns the stacks of goroutines that the test binary itself does not
// have.
func ours() []string {
	var all strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1) // a strings.Builder takes all
	var left []string
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if !strings.Contains(stack, "TestMain") && (strings.Contains(stack, "openinsure") || strings.Contains(stack, "go-redis")) {
			left = append(left, stack)
		}
	}
	return left
}

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
