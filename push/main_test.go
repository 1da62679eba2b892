package push_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/openinsure/openinsure/store/storetest"
)

// TestMain fails when a test leaves goroutines behind.
func TestMain(m *testing.M) { storetest.Main(m, func() error { return goleak.Find() }) }
