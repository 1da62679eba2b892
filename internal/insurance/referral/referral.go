// Package referral holds the rules of a question for an underwriter: who may
// answer it, in which states, and what the other company may know of it.
package referral

import (
	"slices"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
)

type kind struct{}

func (kind) Prefix() string { return "ref_" }

// ID identifies a referral.
type ID = id.ID[kind]

// NewID mints the id of a referral raised at the given time.
func NewID(at time.Time) ID { return id.New[kind](at) }

// Status is where a referral stands; how it was decided is its Outcome.
type Status string

// The states of a referral.
const (
	Draft         Status = "draft"
	Open          Status = "open"           // nobody took it up
	InReview      Status = "in_review"      // the underwriter's turn
	InfoRequested Status = "info_requested" // the requester's turn
	PendingSecond Status = "pending_second" // decided by one of two
	Decided       Status = "decided"
	Withdrawn     Status = "withdrawn"
	Expired       Status = "expired"
	Superseded    Status = "superseded"
	Revoked       Status = "revoked" // an approval that was taken back
	Lapsed        Status = "lapsed"  // an approval that the risk outgrew
	Consumed      Status = "consumed"
)

// Statuses lists every state.
var Statuses = []Status{Draft, Open, InReview, InfoRequested, PendingSecond, Decided, Withdrawn, Expired, Superseded, Revoked, Lapsed, Consumed}

// Reason is why somebody asks.
type Reason string

// Reasons lists every reason.
var Reasons = []Reason{
	"authority_exceeded", "coverage_question", "risk_quality", "reinsurance_required", "appetite_check",
	"capacity_constraint", "prior_losses", "financial_condition", "regulatory", "other",
}

// Faults of referrals.
var (
	ErrOwnReferral = fault.New(fault.Forbidden, "own_referral", "Whoever raised a referral may not decide it.")
	ErrPerson      = fault.ErrForbidden.Saying("A referral is decided by a person.")
	ErrDecided     = fault.New(fault.Refused, "referral_decided", "The referral has been decided.")
	ErrState       = fault.New(fault.Refused, "referral_state", "The referral is not in a state that allows this.")
	ErrRoom        = fault.New(fault.Refused, "room_mismatch", "The deal room is not the one of the referral's submission.").Field("dealRoomId", "id")
	ErrClaimed     = fault.New(fault.Refused, "referral_claimed", "Somebody else has taken up the referral.")
	ErrAssignee    = fault.ErrForbidden.Saying("Only who has taken up the referral, or an administrator, may do this.")
	ErrRequester   = fault.ErrForbidden.Saying("Only who raised the referral, or an administrator, may do this.")
	ErrAsker       = fault.ErrForbidden.Saying("Whoever asks or decides does not answer.")
	ErrExists      = fault.New(fault.Conflict, "referral_exists", "The same is asked already, and waits for its answer.").Field("reason", "unique")
	ErrSecond      = fault.New(fault.Forbidden, "second_person", "This takes somebody else than whoever has agreed before.")
	ErrFirst       = fault.New(fault.Refused, "proposal_void", "Whoever proposed this has no authority for it any more: object, and let it be decided anew.")
	ErrNote        = fault.ErrValidation.Field("note", "required")
	ErrRationale   = fault.ErrValidation.Saying("A referral, and every decision on it, needs a rationale.").Field("rationale", "required")
)

// A Referral is a question about an entity, and its one final answer.
type Referral struct {
	ID         ID
	Org        access.OrgID
	Entity     Entity
	Submission submission.ID // that the entity is, or came of
	Room       room.ID       // that shows its cards; zero: no other company hears of it
	Reason     Reason
	Rationale  string
	Status     Status
	RaisedBy   string
	Assignee   string // who took it up; empty: nobody yet
	Requests   []Request
	Verdict
	Work
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int
}

// A Verdict is the final answer; zero until there is one.
type Verdict struct {
	Outcome   Outcome
	DecidedBy string
	SecondBy  string // who confirmed it, where two have to agree
	DecidedAt *time.Time
	Because   string // the decision's rationale
	Terms
}

// Work is what a referral keeps of its way, beside where it stands.
type Work struct {
	Value      authority.Value  `json:"value"`                // what the decision is about, as it was when it was raised or decided
	Risk       string           `json:"risk,omitempty"`       // a hash of what makes the risk
	Proposal   *Proposal        `json:"proposal,omitempty"`   // of the first of two
	Use        *authority.Use   `json:"use,omitempty"`        // the authority by which it was decided
	SecondUse  *authority.Use   `json:"secondUse,omitempty"`  // and confirmed
	Reference  *authority.Value `json:"reference,omitempty"`  // what an approval covers
	Bargain    *Bargain         `json:"bargain,omitempty"`    // that it is about, with its counter's terms; nil: it agrees to nothing, or is older than this field
	AllowEdit  bool             `json:"allowEdit,omitempty"`  // it survives changes within the reference
	Taken      bool             `json:"taken,omitempty"`      // the counter was accepted
	Endings    []Ending         `json:"endings,omitempty"`    // withdrawn, objected, revoked and so on, with reasons
	Supersedes string           `json:"supersedes,omitempty"` // the referral that this one follows
	Clock      Clock            `json:"clock"`
	TimerAt    *time.Time       `json:"timerAt,omitempty"` // when the clock has to be looked at; nil: never
	Escalated  int              `json:"escalated,omitempty"`
}

// An Ending is something that undid what was there, and why.
type Ending struct {
	What    string    `json:"what"`
	By      string    `json:"by"`
	Because string    `json:"because,omitempty"`
	At      time.Time `json:"at"`
}

// ended notes an ending.
func (r Referral) ended(what, by, because string, at time.Time) Referral {
	r.Endings = append(slices.Clip(r.Endings), Ending{What: what, By: by, Because: because, At: at})
	return r
}

// A Request asks for information.
type Request struct {
	Questions []Question `json:"questions"`
	Rationale string     `json:"rationale"`
	By        string     `json:"by"`
	At        time.Time  `json:"at"`
}

// A Question is one item of a Request. One that is internal was never written
// for the other company and is not shown to it.
type Question struct {
	Text     string  `json:"text"`
	Internal bool    `json:"internal,omitempty"`
	Answer   *Answer `json:"answer,omitempty"`
}

// An Answer to a question.
type Answer struct {
	Text string    `json:"text"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// Object is the referral as an object of access.
func (r Referral) Object() access.Object {
	return access.Object{Type: access.Referral, ID: r.ID.UUID(), Org: r.Org}
}

// An Ask is what somebody wants to be decided.
type Ask struct {
	Entity     Entity
	Submission submission.ID // that the entity is, or came of
	Room       room.ID       // may be zero
	Reason     Reason
	Rationale  string
	Draft      bool             // nobody is asked yet
	Issue      *authority.Issue // beside the money
	Value      authority.Value  // looked up
	Risk       string           // looked up
}

// Check reports everything that is wrong with what is asked.
func (a Ask) Check() error {
	var bad fault.Complaints
	unsaid := fault.Blank(a.Rationale)
	bad.When(!slices.Contains(Reasons, a.Reason), "reason", "enum")
	bad.When(unsaid, "rationale", "required")
	if i := a.Issue; i != nil {
		bad.When(fault.Blank(i.Name), "issue.name", "required")
		bad.When(i.Comparator != authority.AtMost && i.Comparator != authority.AtLeast, "issue.comparator", "enum")
	}
	if len(bad) == 1 && unsaid {
		return ErrRationale
	}
	return bad.On(fault.ErrValidation)
}

// Raise opens a referral and says what to tell; of a draft, nothing.
func Raise(by access.Actor, a Ask, at time.Time) (Referral, event.Event, error) {
	if err := a.Check(); err != nil {
		return Referral{}, event.Event{}, err
	}
	a.Value.Issue = a.Issue
	r := Referral{
		ID: NewID(at), Org: by.Org, Entity: a.Entity, Submission: a.Submission, Room: a.Room, Reason: a.Reason, Rationale: a.Rationale,
		Status: Open, RaisedBy: by.ID, Requests: []Request{}, Verdict: Verdict{Terms: Terms{Conditions: []Condition{}}},
		Work: Work{Value: a.Value, Risk: a.Risk}, CreatedAt: at, UpdatedAt: at, Version: 1,
	}
	if a.Draft {
		r.Status = Draft
		return r, event.Event{}, nil
	}
	return r, r.created(by, at), nil
}

// Twin returns the refusal of a referral while another one asks the same: of the
// same thing, for the same reason, and without an answer so far. A no to either
// would end what both are about, whatever the other comes to.
func (r Referral) Twin(all []Referral) error {
	for _, o := range all {
		if r.Status.live() && o.pending() && o.ID != r.ID && o.Entity == r.Entity && o.Reason == r.Reason {
			return ErrExists.With("referralId", o.ID.String())
		}
	}
	return nil
}

// created tells that somebody is asked.
func (r Referral) created(by access.Actor, at time.Time) event.Event {
	return r.tell(by, event.ReferralCreated{ReferralSubject: r.subject(), Reason: string(r.Reason), Rationale: r.Rationale, RaisedBy: r.RaisedBy}, at)
}

// subject names the referral in events.
func (r Referral) subject() event.ReferralSubject {
	return event.ReferralSubject{
		ReferralID: r.ID.String(), EntityType: string(r.Entity.Type), EntityID: r.Entity.String(),
		SubmissionID: r.Submission.String(), DealRoomID: r.Room.String(),
	}
}

// tell makes an event of the referral. Once somebody else works on it, who
// raised it hears it in person.
func (r Referral) tell(by access.Actor, data event.Payload, at time.Time) event.Event {
	e := event.New(r.Org, r.ID.String(), data, at)
	e.Author = by.ID
	if strings.HasPrefix(r.RaisedBy, "usr_") && by.ID != r.RaisedBy {
		e.Persons = append(e.Persons, event.Person{Subject: r.RaisedBy, Org: r.Org, As: event.Requester})
	}
	if r.Assignee != "" && by.ID != r.Assignee {
		e.Persons = append(e.Persons, event.Person{Subject: r.Assignee, Org: r.Org, As: event.Assignee})
	}
	return e
}
