package hub_test

import (
	"testing"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/hub/brokertest"
)

func TestMemoryIsABroker(t *testing.T) {
	brokertest.Run(t, func(*testing.T) []hub.Broker { return []hub.Broker{hub.NewMemory()} })
}
