package fcm_test

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
	"github.com/openinsure/openinsure/push/fcm"
	"github.com/openinsure/openinsure/push/pushtest"
)

// TestMain fails when a test leaves goroutines behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newFCM starts a fake and a sender to it.
func newFCM(tb testing.TB, change ...func(*fcm.Config)) (*pushtest.FCM, *fcm.Sender) {
	tb.Helper()
	fake := newFake(tb, pushtest.FCMConfig{})
	return fake, newSender(tb, fake, change...)
}

func newFake(tb testing.TB, cfg pushtest.FCMConfig) *pushtest.FCM {
	tb.Helper()
	fake, err := pushtest.NewFCM(cfg)
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

func newSender(tb testing.TB, fake *pushtest.FCM, change ...func(*fcm.Config)) *fcm.Sender {
	tb.Helper()
	cfg := fcm.Config{Credentials: fake.Credentials(), Endpoint: fake.Endpoint(), RootCAs: fake.Roots()}
	for _, c := range change {
		c(&cfg)
	}
	s, err := fcm.New(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// delivery is the nth notice to the nth phone.
func delivery(n int) push.Delivery {
	var number [16]byte
	binary.BigEndian.PutUint64(number[8:], uint64(n))
	return push.Delivery{
		Kind: push.FCM, Attempt: 1, Event: event.ID(number), Type: "claim.status_changed",
		Device: &push.Device{
			ID: push.DeviceID(number), Platform: push.Android, Kind: push.FCM, Address: fmt.Sprintf("cTokenOfAPhone_-%06d:APA91b%0120d", n, n),
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
