// Package producer holds the rules of those who sell: who they are, where they
// are licensed and appointed, and whether they may be dealt with at all.
package producer

import (
	"slices"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

type kind struct{}

func (kind) Prefix() string { return "prd_" }

// ID identifies a producer.
type ID = id.ID[kind]

// NewID mints the id of a producer made at the given time.
func NewID(at time.Time) ID { return id.New[kind](at) }

// Type is what sort of firm or person sells.
type Type string

// The types of producer.
const (
	Individual Type = "individual"
	Agency     Type = "agency"
	MGA        Type = "mga"
	Wholesaler Type = "wholesaler"
)

// Status is where a producer stands.
type Status string

// The states of a producer. Terminated is final.
const (
	Pending    Status = "pending" // being taken on
	Active     Status = "active"
	Suspended  Status = "suspended"
	Terminated Status = "terminated"
)

// Statuses lists every state.
var Statuses = []Status{Pending, Active, Suspended, Terminated}

// next are the states that a producer may go to.
var next = map[Status][]Status{
	Pending:   {Active, Terminated},
	Active:    {Suspended, Terminated},
	Suspended: {Active, Terminated},
}

// Faults of producers.
var (
	ErrState     = fault.New(fault.Refused, "producer_state", "The producer is not in a state that allows this.")
	ErrNotReady  = fault.New(fault.Refused, "producer_not_ready", "The producer cannot be activated yet.")
	ErrSanctions = fault.New(fault.Forbidden, "sanctions_match", "The name is on a sanctions list: there can be no business.")
	ErrReview    = fault.New(fault.Refused, "no_review_pending", "No sanctions review of this producer is pending.")
	ErrParent    = fault.ErrValidation.Field("parentProducerId", "exists")
)

// A Producer sells what an organisation writes: a person, or a firm.
type Producer struct {
	ID         ID
	Org        access.OrgID
	ExternalID string // the organisation's own, unique in it
	Type       Type
	LegalName  string
	DBA        string
	EIN, NPN   string // of the tax office, and of the national registry of producers
	Email      string
	Phone      string
	Parent     ID           // the firm that it belongs to; zero: none
	Firm       access.OrgID // the firm's organisation on this platform, whose people see what it brought; zero: it has none
	Status     Status
	Review     bool // a match with a sanctions list waits for a person's word
	Screening  Screening
	Metadata   map[string]string
	CreatedBy  string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int
}

// Object is the producer as the subject of a permission: those of its
// organisation.
func (p Producer) Object() access.Object { return access.OrgObject(p.Org) }

// Reasons why a producer cannot be activated.
const (
	NoLicense     = "no_license"
	ReviewPending = "sanctions_review_pending"
)

// To returns the producer in another state, given its licences on a day.
// ErrState when there is no way there; ErrNotReady, with reasons, when something
// is missing.
func (p Producer) To(s Status, licenses []License, at time.Time) (Producer, error) {
	if !slices.Contains(next[p.Status], s) {
		return p, ErrState.With("status", p.Status).With("allowed", some(next[p.Status]))
	}
	if s == Active {
		var missing []string
		if p.Review {
			missing = append(missing, ReviewPending)
		}
		if !slices.ContainsFunc(licenses, func(l License) bool { return l.InForce(dayOf(at)) }) {
			missing = append(missing, NoLicense)
		}
		if len(missing) > 0 {
			return p, ErrNotReady.With("reasons", missing)
		}
	}
	p.Status, p.UpdatedAt = s, at
	return p, nil
}

func some(s []Status) []Status {
	if s == nil {
		return []Status{}
	}
	return s
}

// Reviewed returns the producer after a person looked at a match with a sanctions
// list: cleared, or terminated for good.
func (p Producer) Reviewed(cleared bool, at time.Time) (Producer, error) {
	if !p.Review {
		return p, ErrReview
	}
	p.Review, p.UpdatedAt = false, at
	if !cleared {
		p.Status = Terminated
	}
	return p, nil
}

// Screened returns the producer after its names were compared with a list: what
// is blocked is ErrSanctions, with the matches.
func (p Producer) Screened(s Screening) (Producer, error) {
	if s.Decision == Block {
		return p, ErrSanctions.With("matches", s.Matches)
	}
	p.Screening, p.Review = s, s.Decision == Review
	return p, nil
}

// Names are what a producer is compared with sanctions lists by.
func (p Producer) Names() []string {
	names := []string{p.LegalName}
	if p.DBA != "" && !strings.EqualFold(p.DBA, p.LegalName) {
		names = append(names, p.DBA)
	}
	return names
}
