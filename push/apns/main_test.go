package apns_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/apns"
	"github.com/openinsure/openinsure/push/pushtest"
)

// TestMain fails when a test leaves goroutines behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newAPNs starts a fake and a sender to it.
func newAPNs(tb testing.TB, change ...func(*apns.Config)) (*pushtest.APNs, *apns.Sender) {
	tb.Helper()
	fake := newFake(tb, pushtest.APNsConfig{})
	return fake, newSender(tb, fake, change...)
}

func newFake(tb testing.TB, cfg pushtest.APNsConfig) *pushtest.APNs {
	tb.Helper()
	fake, err := pushtest.NewAPNs(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := fake.Close(); err != nil {
			tb.Error(err)
		}
	})
	return fake
}

func newSender(tb testing.TB, fake *pushtest.APNs, change ...func(*apns.Config)) *apns.Sender {
	tb.Helper()
	cfg := apns.Config{
		Key: fake.KeyPEM(), KeyID: fake.KeyID(), TeamID: fake.TeamID(), Topic: fake.Topic(),
		Host: fake.URL(), SandboxHost: fake.SandboxURL(), RootCAs: fake.Roots(),
	}
	for _, c := range change {
		c(&cfg)
	}
	s, err := apns.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

var registered = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// delivery is the nth notice to the nth phone.
func delivery(n int) push.Delivery {
	var number [16]byte
	binary.BigEndian.PutUint64(number[8:], uint64(n))
	return push.Delivery{
		Kind: push.APNs, Attempt: 1, Event: event.ID(number), Type: "claim.status_changed",
		Device: &push.Device{
			ID: push.DeviceID(number), Platform: push.IOS, Kind: push.APNs, Address: fmt.Sprintf("%064x", n),
			Environment: push.Production, RegisteredAt: registered,
		},
		Notice: &push.Notice{
			About: "clm_01J9ZC2Q0V8Y4T6M3K5N7P9RSB", Link: "/claims/clm_01J9ZC2Q0V8Y4T6M3K5N7P9RSB",
			Words: map[string]push.Words{
				"en": {Title: "Your claim", Body: "It is being looked at."},
				"es": {Title: "Su siniestro", Body: "Lo estamos revisando."},
			},
		},
	}
}

func within(tb testing.TB, d time.Duration) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), d, errors.New("the test took too long"))
	tb.Cleanup(cancel)
	return ctx
}
