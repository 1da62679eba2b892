package authority

import (
	"slices"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/id"
)

type delegationKind struct{}

func (delegationKind) Prefix() string { return "dlg_" }

// DelegationID identifies a delegation.
type DelegationID = id.ID[delegationKind]

// NewDelegationID mints the id of a delegation made at the given time.
func NewDelegationID(at time.Time) DelegationID { return id.New[delegationKind](at) }

// MaxDelegation is for how long authority can be lent at once.
const MaxDelegation = 366 * 24 * time.Hour

// MaxLate is how long ago a delegation may say that it begins: nobody had authority
// before it was lent to him, and clocks differ.
const MaxLate = time.Minute

// A Delegation lends somebody's own authority to another from one instant up to
// another. What is lent is not lent on.
type Delegation struct {
	ID        DelegationID
	Org       access.OrgID
	From      access.UserID // whose authority
	To        access.UserID
	Starts    time.Time
	Ends      time.Time // no longer then
	By        string    // who set it up: From himself or an administrator
	CreatedAt time.Time
	EndedAt   *time.Time // taken back before its time
}

// Holds reports whether a delegation is in force.
func (d Delegation) Holds(at time.Time) bool {
	return d.EndedAt == nil && !at.Before(d.Starts) && at.Before(d.Ends)
}

// CheckAlone reports everything that is wrong with a delegation, whenever it is
// made and whatever others there are. Of somebody or an instant that is not known
// it says nothing.
func (d Delegation) CheckAlone() error { return d.check(time.Time{}) }

// check is CheckAlone for a delegation that is made at a time, when that is known.
func (d Delegation) check(at time.Time) error {
	var bad fault.Complaints
	bad.When(d.From == d.To && !d.To.IsZero(), "delegateId", "different")
	if !d.Ends.IsZero() {
		bad.When(!d.Ends.After(d.Starts) || !d.Ends.After(at), "until", "min")
	}
	bad.When(!d.Starts.IsZero() && d.Starts.Before(at.Add(-MaxLate)), "from", "min")
	if !d.Starts.IsZero() && !d.Ends.IsZero() {
		bad.When(d.Ends.Sub(d.Starts) > MaxDelegation, "until", "max")
	}
	return bad.On(fault.ErrValidation)
}

// Check reports everything that is wrong with a delegation made at a time, given
// those that there are.
func (d Delegation) Check(at time.Time, others []Delegation) error {
	if err := d.check(at); err != nil {
		return err
	}
	if d.circular(others) {
		return ErrCircle
	}
	return nil
}

// circular reports whether d, with delegations that are in force at some time of
// its own, leads from somebody back to himself. Who lends to whom changes only
// when a delegation starts, so it is enough to look at those instants.
func (d Delegation) circular(others []Delegation) bool {
	instants := []time.Time{d.Starts}
	for _, o := range others {
		if o.Starts.After(d.Starts) && o.Starts.Before(d.Ends) {
			instants = append(instants, o.Starts)
		}
	}
	return slices.ContainsFunc(instants, func(at time.Time) bool { return reaches(others, at, d.To, d.From) })
}

// reaches reports whether somebody's authority, lent on and on by delegations in
// force at an instant, would come to another.
func reaches(all []Delegation, at time.Time, from, to access.UserID) bool {
	lent := map[access.UserID][]access.UserID{}
	for _, o := range all {
		if o.Holds(at) {
			lent[o.From] = append(lent[o.From], o.To)
		}
	}
	met := map[access.UserID]bool{from: true}
	for next := []access.UserID{from}; len(next) > 0; next = next[1:] {
		if next[0] == to {
			return true
		}
		for _, who := range lent[next[0]] {
			if !met[who] {
				met[who], next = true, append(next, who)
			}
		}
	}
	return false
}
