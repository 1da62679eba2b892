package push

import (
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/id"
)

type deviceKind struct{}

func (deviceKind) Prefix() string { return "dev_" }

// DeviceID identifies a device.
type DeviceID = id.ID[deviceKind]

// NewDeviceID mints the id of a device.
func NewDeviceID(at time.Time) DeviceID { return id.New[deviceKind](at) }

// The environments of APNs: a token belongs to one of them.
const (
	Production = "production"
	Sandbox    = "sandbox"
)

// MostDevices is how many devices a person has at most: one more, and the one
// that was not seen for longest goes.
const MostDevices = 20

// A Device is one installation of an app on a phone, of the person who signed
// in there last.
type Device struct {
	ID           DeviceID
	Org          access.OrgID // the person's
	Subject      string       // usr_… or per_…
	App          string       // bundle id or package name; empty: the deployment's own
	Platform     string       // ios or android
	Kind         Kind         // APNs or FCM
	Address      string       // the token; it never leaves us but to the provider
	Installation bool         // Address is a Firebase installation id, not a token
	Environment  string       // of APNs: Production or Sandbox
	Locale       string       // BCP 47; empty is en
	Timezone     string       // IANA; empty is UTC
	AppVersion   string
	SignIn       access.SignInID // by which the app registered it, and with which it goes; zero: by none that ends
	RegisteredAt time.Time       // when this person registered this address; later than a death, it lives
	LastSeenAt   time.Time
}

// A Mailbox is where a person reads mail.
type Mailbox struct {
	Name, Address, Locale string
}
