// Package submission holds the rules of what is asked for.
package submission

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/internal/insurance/sla"
	"github.com/openinsure/openinsure/internal/insurance/triage"
)

type kind struct{}

func (kind) Prefix() string { return "sub_" }

// ID identifies a submission.
type ID = id.ID[kind]

// Status is where a submission stands.
type Status string

// The states of a submission. Created means Received, which can be quoted at
// once. A Draft is its author's alone, and nothing else deals with it.
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
	Priority       Priority
	Metadata       map[string]string
	Status         Status
	Assignee       string // usr_…: who works it; empty: nobody yet
	ClaimedAt      *time.Time
	Ending         *Ending // why it was declined or withdrawn
	Triage         triage.Result
	Screening      Screening // of the insured's names; for the inside
	Clocks         sla.Clocks
	CreatedBy      string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Version        int
}

// Insured is how to reach the insured.
type Insured struct {
	Name    string `json:"name,omitempty" maxLength:"200" pattern:"^$|[^\\s\\p{Z}\\p{C}]"`
	Email   string `json:"email,omitempty" format:"email" maxLength:"320"`
	Phone   string `json:"phone,omitempty" maxLength:"40"`
	Address string `json:"address,omitempty" maxLength:"500"`
	FEIN    string `json:"fein,omitempty" pattern:"^[0-9]{2}-?[0-9]{7}$" doc:"Federal employer identification number." example:"93-1234567"`
}

// Priority is how urgent whoever brings it says that it is.
type Priority string

// The priorities.
const (
	Normal Priority = "normal"
	High   Priority = "high"
)

// CheckState reports a state that is none.
func CheckState(s string) error {
	if !slices.Contains(States, s) {
		return ErrUS
	}
	return nil
}

// Risk is a hash of what makes the risk, a dot, and one of whose it is: while it
// is the same, what was agreed about it is about the same. A name that is only
// written otherwise is the same, as it is where duplicates are looked for.
func (s Submission) Risk() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s\n%d\n%d\n%s\n%s\n%s\n%s", s.NAICS, s.AnnualRevenue, s.RequestedLimit, s.EffectiveDate, s.State, s.LineOfBusiness, s.Exposure))
	var who []string
	for _, name := range s.Names() {
		who = append(who, nameOf(name))
	}
	return hex.EncodeToString(h[:16]) + "." + mark(strings.Join(who, "\n"))
}

// NewID mints the id of a submission received at the given time.
func NewID(at time.Time) ID { return id.New[kind](at) }
