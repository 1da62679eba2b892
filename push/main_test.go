package push_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/store/storetest"
)

// TestMain fails when a test leaves goroutines of a dispatcher behind.
func TestMain(m *testing.M) { storetest.Main(m, leftGoroutines) }

// leftGoroutines waits a while for goroutines to end, and returns the stacks of
// those of this package that did not.
func leftGoroutines() error {
	deadline := time.Now().Add(5 * time.Second)
	for {
		buf := make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for i, g := range strings.Split(string(buf), "\n\n") {
			if i > 0 && strings.Contains(g, "openinsure/push") {
				left = append(left, g)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("goroutines are left:\n" + strings.Join(left, "\n\n"))
		}
		runtime.Gosched()
	}
}
