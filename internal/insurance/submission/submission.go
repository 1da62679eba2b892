// Package submission holds the rules of what is asked for.
package submission

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/producer"
)

type kind struct{}

func (kind) Prefix() string { return "sub_" }

// ID identifies a submission.
type ID = id.ID[kind]

// Status is where a submission stands.
type Status string

// The states of a submission. Created means Received, which can be quoted at
// once.
const (
	Draft     Status = "draft"
	Received  Status = "received"
	InReview  Status = "in_review"
	Quoted    Status = "quoted"
	Referred  Status = "referred"
	Declined  Status = "declined"
	Withdrawn Status = "withdrawn"
	Expired   Status = "expired"
	Bound     Status = "bound"
)

// Statuses lists every state.
var Statuses = []Status{Draft, Received, InReview, Quoted, Referred, Declined, Withdrawn, Expired, Bound}

// Faults of submissions.
var (
	ErrState = fault.New(fault.Refused, "submission_state", "The submission is not in a state that allows this.")
	ErrUS    = fault.ErrValidation.Field("state", "enum")
	ErrLine  = fault.New(fault.Refused, "line_not_offered", "No program of your organization offers this line of business.").Field("lineOfBusiness", "enum")
)

// A Submission is a risk that somebody wants covered.
type Submission struct {
	ID             ID
	Org            access.OrgID
	ExternalID     string // the caller's own, unique in the organisation
	InsuredName    string
	NAICS          string
	AnnualRevenue  money.Cents
	RequestedLimit money.Cents
	EffectiveDate  civil.Date
	State          string // two letters
	LineOfBusiness string
	Producer       producer.ID // who brought it; zero: direct business
	Exposure       Risk
	Insured        *Insured
	Metadata       map[string]string
	Status         Status
	CreatedBy      string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Version        int
}

// Insured is how to reach the insured.
type Insured struct {
	Name    string `json:"name,omitempty" maxLength:"200"`
	Email   string `json:"email,omitempty" format:"email" maxLength:"320"`
	Phone   string `json:"phone,omitempty" maxLength:"40"`
	Address string `json:"address,omitempty" maxLength:"500"`
}

// CheckState reports a state that is none.
func CheckState(s string) error {
	if !slices.Contains(States, s) {
		return ErrUS
	}
	return nil
}

// Rated returns the submission after a quote was made of it, in the state that
// the quote's decision gives it.
func (s Submission) Rated(to Status, at time.Time) (Submission, error) {
	if s.Status != Received && s.Status != InReview && s.Status != Quoted && s.Status != Referred {
		return s, ErrState.With("status", s.Status)
	}
	s.Status, s.UpdatedAt = to, at
	return s, nil
}

// Risk is a hash of what makes the risk: while it is the same, what was agreed
// about it is about the same.
func (s Submission) Risk() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d\n%s\n%s\n%s\n%s", s.NAICS, s.AnnualRevenue, s.RequestedLimit, s.EffectiveDate, s.State, s.LineOfBusiness, s.Exposure))
	return hex.EncodeToString(h[:16])
}

// Bind returns the submission as bound.
func (s Submission) Bind(at time.Time) (Submission, error) {
	if s.Status != Quoted {
		return s, ErrState.With("status", s.Status)
	}
	s.Status, s.UpdatedAt = Bound, at
	return s, nil
}

// NewID mints the id of a submission received at the given time.
func NewID(at time.Time) ID { return id.New[kind](at) }
