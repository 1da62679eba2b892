package api

import (
	"context"
	"encoding"
	"time"

	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// Platform is what the resources stand on.
type Platform struct {
	DB    *store.DB
	Desk  *insurance.Desk
	Door  *Door
	Rooms *rooms.House
	Hub   *hub.Hub // nil serves no live connections
	// PublicURL is where clients reach this server; empty is where they ask.
	PublicURL string
	// CheckURL says whether webhooks may be sent to an address, as a fault that
	// blames the field url; nil accepts every http and https address.
	CheckURL func(ctx context.Context, url string) error
	Now      func() time.Time
	IsLive   bool // keys are oik_live_…

	Docs       DocsAccess // who may open the docs
	Assertions Assertions // for DocsCloudflare

	SignIn SignInServer // of users; nil: none is configured
}

// RegisterAll adds every operation of the contract.
func (a *API) RegisterAll(p Platform) {
	a.registerDocsGate(p)
	a.registerAuth(p)
	a.registerLogin(p)
	a.registerExchange(p)
	a.registerOIDC(p)
	a.registerAccountPage()
	a.registerUserSessions(p)
	a.registerSignIn(p)
	a.registerSessions(p)
	a.registerKeys(p)
	a.registerOrganizations(p)
	a.registerUsers(p)
	a.registerSubmissions(p)
	a.registerDrafts(p)
	a.registerSubmissionWork(p)
	a.registerScreening(p)
	a.registerReadiness(p)
	a.registerQueue(p)
	a.registerQuotes(p)
	a.registerPrograms(p)
	a.registerRateTables(p)
	a.registerPolicies(p)
	a.registerCarriers(p)
	a.registerAgreements(p)
	a.registerBordereaux(p)
	a.registerInvoices(p)
	a.registerRooms(p)
	a.registerDeal(p)
	a.registerParticipants(p)
	a.registerInvitations(p)
	a.registerGuests(p)
	a.registerRoomPage(p)
	a.registerMessages(p)
	a.registerFiles(p)
	a.registerAnnotations(p)
	a.registerTranscript(p)
	a.registerReferrals(p)
	a.registerProducers(p)
	a.registerReferralWork(p)
	a.registerAuthority(p)
	a.registerEvents(p)
	a.registerWebhooks(p)
	a.registerDeliveries(p)
	a.registerDevices(p)
	a.registerNotifications(p)
	a.registerPreferences(p)
	a.registerRealtime(p)
	a.registerRequests(p)
	a.registerAudit(p)
	a.registerFlags(p)
	a.registerTestClock(p)
	a.registerSandbox(p)
}

// ByID is the input of an operation on one resource.
type ByID struct {
	ID string `path:"id" maxLength:"64" doc:"The resource's id."`
}

// pathID reads an id of a path into id: what is malformed names nothing that
// exists.
func pathID(id encoding.TextUnmarshaler, s string) error {
	if err := id.UnmarshalText([]byte(s)); err != nil || s == "" {
		return fault.ErrNotFound.Because(err)
	}
	return nil
}

// page is the store's form of a page.
func (p Page) page() store.Page {
	return store.Page{Limit: p.Limit, At: p.Cursor.At, ID: access.OrgID(p.Cursor.ID).UUID()}
}

// versioned is embedded in bodies of resources that have an ETag.
type versioned struct {
	version int
}

// ETag implements the frame's tagged body.
func (v versioned) ETag() string { return etag(v.version) }

// administer checks that the caller runs his organisation.
func administer(ctx context.Context, p Platform, by access.Actor) error {
	return access.Check(ctx, p.DB.As(by), by, access.Administer, access.OrgObject(by.Org))
}

// member checks that the caller may see his organisation's people and settings.
func member(ctx context.Context, p Platform, by access.Actor) error {
	return access.Check(ctx, p.DB.As(by), by, access.Read, access.OrgObject(by.Org))
}

// bodyOf is the output of an operation that answers a resource.
type bodyOf[T any] struct{ Body T }
