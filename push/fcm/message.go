package fcm

import (
	"encoding/json"
	"time"

	"firebase.google.com/go/v4/messaging"

	"github.com/openinsure/openinsure/push"
)

// Google's limits.
const (
	mostPayload = 4096 // bytes
	longestTTL  = 28 * 24 * time.Hour
)

// message returns what a phone is sent; false when what goes with the words
// leaves no room for any. Google does not say how it counts, so all of the
// message is counted here, which is too much rather than too little.
func message(d push.Delivery, now time.Time) (*messaging.Message, bool) {
	n := d.Notice
	var ttl time.Duration // now or never
	if !n.Expires.IsZero() {
		ttl = min(n.Expires.Sub(now).Truncate(time.Second), longestTTL)
	}
	m := &messaging.Message{
		Data:         map[string]string{"eventId": d.Event.String(), "type": d.Type, "about": n.About, "link": n.Link},
		Notification: &messaging.Notification{},
		Android: &messaging.AndroidConfig{
			Priority:     "high",
			TTL:          &ttl,
			CollapseKey:  n.About,
			Notification: &messaging.AndroidNotification{Tag: n.About},
		},
	}
	if d.Device.Installation {
		m.Fid = d.Device.Address
	} else {
		//lint:ignore SA1019 phones that registered a token have no installation id that we know
		m.Token = d.Device.Address
	}
	words, ok := push.Shorten(n.In(d.Device.Locale), func(w push.Words) bool {
		m.Notification.Title, m.Notification.Body = w.Title, w.Body
		b, err := json.Marshal(m)
		return err == nil && len(b) <= mostPayload
	})
	m.Notification.Title, m.Notification.Body = words.Title, words.Body
	return m, ok
}
