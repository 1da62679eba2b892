package apns

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/sideshow/apns2"

	"github.com/openinsure/openinsure/push"
)

// Apple's limits, in bytes.
const (
	mostPayload  = 4096
	mostCollapse = 64
)

type payload struct {
	APS struct {
		Alert    push.Words `json:"alert"`
		Sound    string     `json:"sound"`
		ThreadID string     `json:"thread-id,omitempty"`
	} `json:"aps"`
	EventID string `json:"eventId"`
	Type    string `json:"type"`
	About   string `json:"about,omitempty"`
	Link    string `json:"link,omitempty"`
}

// notification returns what a phone is sent; false when what goes with the words
// leaves no room for any.
//
// Its id is made of the event and the device, so that Apple and the phone see
// one notification however often it is tried.
func notification(d push.Delivery, topic string, now time.Time) (*apns2.Notification, bool) {
	n := d.Notice
	var p payload
	p.APS.Sound, p.APS.ThreadID = "default", n.About
	p.EventID, p.Type, p.About, p.Link = d.Event.String(), d.Type, n.About, n.Link
	words, ok := n.In(d.Device.Locale).Shorten(func(w push.Words) bool {
		p.APS.Alert = w
		b, err := json.Marshal(p)
		return err == nil && len(b) <= mostPayload
	})
	if !ok {
		return nil, false
	}
	p.APS.Alert = words
	expires := n.Expires
	if expires.IsZero() {
		expires = now // now or never. The library leaves 0 out, which Apple takes for a month.
	}
	return &apns2.Notification{
		ApnsID:      uuid.NewSHA1(uuid.UUID(d.Event), d.Device.ID[:]).String(),
		CollapseID:  collapse(n.About),
		DeviceToken: d.Device.Address,
		Topic:       topic,
		Expiration:  expires,
		Priority:    apns2.PriorityHigh,
		PushType:    apns2.PushTypeAlert,
		Payload:     p,
	}, true
}

// collapse returns about, or something as good when it is too long for Apple.
func collapse(about string) string {
	if len(about) <= mostCollapse {
		return about
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte(about)).String()
}
