// Package audit says what the audit log holds: who did what, or was refused
// what, as rows that are linked into a chain of hashes for each organisation.
//
// A row holds ids, codes and numbers; no name, no address of a mailbox, no
// words of anybody, and no secret.
package audit

import (
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/id"
)

type idKind struct{}

func (idKind) Prefix() string { return "aud_" }

// ID is the identifier of a row.
type ID = id.ID[idKind]

// Action is what somebody did or tried.
type Action string

// The actions that are kept.
const (
	SignIn       Action = "sign_in"      // by anything but a token or key: details.route says by what
	Authenticate Action = "authenticate" // refused only: a credential that proves nothing
	Permission   Action = "permission"   // refused only: known and not allowed; details.route says what

	CodeMailed Action = "sign_in.code_mailed" // refused: there was nobody to mail, or he got too many
	Refreshed  Action = "sign_in.refreshed"
	SignedOut  Action = "sign_in.ended" // details.why: revoked, reused or replaced
	SessionCut Action = "session.cut"   // refused only: a live connection lost what it heard

	KeyCreated Action = "api_key.created"
	KeyRotated Action = "api_key.rotated"
	KeyRevoked Action = "api_key.revoked"

	UserCreated Action = "user.created"
	UserChanged Action = "user.changed"
	UserStopped Action = "user.stopped"
	OrgCreated  Action = "organization.created"
	OrgChanged  Action = "organization.changed"

	LogExported Action = "audit.exported"
	KeysRotated Action = "sealing_key.rotated" // in the platform's log
	KeysDropped Action = "sealing_key.dropped"

	RoomOpened         Action = "deal_room.opened"
	RoomClosed         Action = "deal_room.closed"
	RoomReopened       Action = "deal_room.reopened"
	RoomArchived       Action = "deal_room.archived"
	ParticipantAdded   Action = "participant.added"
	ParticipantChanged Action = "participant.changed"
	ParticipantRemoved Action = "participant.removed"

	InvitationSent     Action = "invitation.sent"
	InvitationOpened   Action = "invitation.opened" // the first time
	InvitationAccepted Action = "invitation.accepted"
	InvitationRevoked  Action = "invitation.revoked"
	InvitationReplaced Action = "invitation.replaced" // by a later one to the same address
	GuestLinkMailed    Action = "guest.link_mailed"

	Quoted          Action = "submission.quoted" // also referred: details.decision
	Declined        Action = "submission.declined"
	Corrected       Action = "submission.corrected" // details.fields
	Claimed         Action = "submission.claimed"
	Released        Action = "submission.released" // details.assignee: who had it
	Withdrawn       Action = "submission.withdrawn"
	Drafted         Action = "submission.drafted"
	DraftDropped    Action = "submission.draft_dropped" // by somebody
	InsuredScreened Action = "submission.screened"      // with sanctions lists, when something is found. details.source says when
	InsuredReviewed Action = "submission.reviewed"      // a match: details.decision
	QuoteOffered    Action = "quote.offered"
	QuoteAccepted   Action = "quote.accepted"
	BindRequested   Action = "submission.bind_requested"
	PolicyBound     Action = "policy.bound"
	ReferralRaised  Action = "referral.raised"
	ReferralDecided Action = "referral.decided" // also when more is asked for: details.decision
	ReferralChanged Action = "referral.changed" // claimed, confirmed, withdrawn and so on: details.change

	AuthorityChanged Action = "authority.changed" // a profile, who has it, who lends his, the rules: details.change

	CarrierAdded     Action = "carrier.added"
	CarrierChanged   Action = "carrier.changed"
	AgreementAdded   Action = "da_agreement.added"
	AgreementChanged Action = "da_agreement.changed"
	CapacityReserved Action = "da_agreement.reserved" // for an accepted quote: details.until
	BordereauMade    Action = "bordereau.created"

	ProgramCreated Action = "program.created"
	ProgramChanged Action = "program.changed" // details.was and .is: by what it judges
	RatesDrafted   Action = "rate_table.created"
	RatesPublished Action = "rate_table.published"

	WebhookCreated  Action = "webhook.created"
	WebhookChanged  Action = "webhook.changed"
	WebhookDeleted  Action = "webhook.deleted"
	WebhookDisabled Action = "webhook.disabled"
	DeviceAdded     Action = "device.added"
	DeviceRemoved   Action = "device.removed"

	ClockMoved Action = "test_clock.moved" // details.now says to when
	ClockReset Action = "test_clock.reset"

	SandboxReset Action = "sandbox.reset" // details say how much of what was deleted

	FlagSet   Action = "flag.set"   // for all in the platform's log, for an organisation in its own
	FlagUnset Action = "flag.unset" // details.key says which

	ProducerScreened    Action = "producer.screened" // with sanctions lists; refused: there is a match. details.source says when
	ProducerReviewed    Action = "producer.reviewed" // a match: details.decision
	ProducerAdded       Action = "producer.added"
	ProducerChanged     Action = "producer.changed"
	LicenseAdded        Action = "license.added"
	LicenseChanged      Action = "license.changed"
	AppointmentAdded    Action = "appointment.added"
	AppointmentChanged  Action = "appointment.changed"
	ProducerSaleChecked Action = "producer.sale_checked" // at a bind: details hold what was on file
)

// Actions lists every action.
var Actions = []Action{
	SignIn, Authenticate, Permission, CodeMailed, Refreshed, SignedOut, SessionCut, InvitationSent, InvitationOpened, InvitationAccepted,
	InvitationRevoked, InvitationReplaced, GuestLinkMailed, KeyCreated, KeyRotated, KeyRevoked, UserCreated, UserChanged, UserStopped, OrgCreated, OrgChanged,
	LogExported, KeysRotated, KeysDropped, RoomOpened, RoomClosed, RoomReopened, RoomArchived, ParticipantAdded, ParticipantChanged,
	ParticipantRemoved, Quoted, Declined, Corrected, Claimed, Released, Withdrawn, QuoteOffered, QuoteAccepted, BindRequested, PolicyBound, ProgramCreated, ProgramChanged, RatesDrafted, RatesPublished, ReferralRaised, ReferralDecided, ReferralChanged, AuthorityChanged, WebhookCreated, WebhookChanged, WebhookDeleted,
	WebhookDisabled, DeviceAdded, DeviceRemoved, ClockMoved, ClockReset, SandboxReset, FlagSet, FlagUnset, ProducerScreened, ProducerReviewed, InsuredScreened, InsuredReviewed, Drafted, DraftDropped, ProducerAdded, ProducerChanged, LicenseAdded, LicenseChanged,
	AppointmentAdded, AppointmentChanged, ProducerSaleChecked, CarrierAdded, CarrierChanged, AgreementAdded, AgreementChanged, CapacityReserved, BordereauMade,
}

// Outcome is how it went.
type Outcome string

// The outcomes. Failed is our own fault, neither a yes nor a no.
const (
	Granted Outcome = "granted"
	Refused Outcome = "refused"
	Failed  Outcome = "failed"
)

// Details are facts beside the columns: ids, codes, numbers, and lists of them.
type Details map[string]any

// A Fact is what is to be kept of something that happened.
type Fact struct {
	Action  Action
	Object  string // the id of what it was done to; empty when there is none
	Org     access.OrgID
	Outcome Outcome // Granted when empty
	Reason  string  // the code of a refusal or failure
	Details Details
}

// A Row is one row of the log. What follows Details is filled in when the row
// is linked.
type Row struct {
	ID         ID
	Ord        int64 // of being written; given by the database
	Org        access.OrgID
	At         time.Time
	ActorKind  access.Kind // empty: nobody known
	ActorID    string
	Action     Action
	ObjectType string
	ObjectID   string
	Outcome    Outcome
	Reason     string
	Request    access.RequestID
	Address    string
	Count      int // of equal ones within a minute
	Details    Details

	Seq        int64 // in the organisation's chain, from 1; 0: not linked yet
	Prev, Hash Hash
}

// New makes the row of a fact that by brought about in the organisation that he
// works on. When the fact's own organisation is another, see Rows.
func New(by access.Actor, f Fact, at time.Time) Row {
	at = at.UTC().Truncate(time.Microsecond)
	r := Row{
		ID: id.New[idKind](at), Org: by.Org, At: at, ActorKind: by.Kind, ActorID: by.ID, Action: f.Action,
		ObjectType: TypeOf(f.Object), ObjectID: f.Object, Outcome: f.Outcome, Reason: f.Reason, Count: 1, Details: f.Details,
	}
	if r.Outcome == "" {
		r.Outcome = Granted
	}
	if r.Details == nil {
		r.Details = Details{}
	}
	return r
}

// Rows makes the rows of a fact: one in the organisation of whoever acts, and
// one in the fact's own when that is another, since both must be able to tell
// what was done in their name or to what is theirs.
func Rows(by access.Actor, f Fact, at time.Time) []Row {
	rows := []Row{New(by, f, at)}
	if !f.Org.IsZero() && f.Org != by.Org {
		by.Org = f.Org
		rows = append(rows, New(by, f, at))
	}
	return rows
}

// types names what the prefixes of ids stand for.
var types = map[string]string{
	"org": "organization", "usr": "user", "per": "person", "key": "api_key", "sub": "submission", "quo": "quote", "prog": "program", "rt": "rate_table", "pol": "policy",
	"inv": "invoice", "clm": "claim", "doc": "document", "ref": "referral", "room": "deal_room", "msg": "message", "file": "file",
	"prd": "producer", "lic": "license", "apt": "appointment",
	"ann": "annotation", "ivt": "invitation", "ses": "session", "whk": "webhook", "dlv": "delivery", "dev": "device", "evt": "event", "ntf": "notification",
	"car": "carrier", "da": "da_agreement", "bdx": "bordereau",
	"aup": "authority_profile", "dlg": "authority_delegation",
}

// TypeOf is the type of what an id names; empty for what is no id.
func TypeOf(object string) string {
	prefix, _, ok := strings.Cut(object, "_")
	if !ok {
		return ""
	}
	if t, ok := types[prefix]; ok {
		return t
	}
	return "other"
}
