package rooms_test

import (
	"testing"

	"github.com/openinsure/openinsure/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }
