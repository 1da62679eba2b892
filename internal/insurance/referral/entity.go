package referral

import (
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/submission"
)

// EntityType is the type of what a referral is about.
type EntityType string

// What a referral can be about.
const (
	Submission EntityType = "submission"
	Quote      EntityType = "quote"
	Policy     EntityType = "policy"
)

// EntityTypes lists what a referral can be about.
var EntityTypes = []EntityType{Submission, Quote, Policy}

// An Entity is what a referral is about.
type Entity struct {
	Type EntityType
	ID   [16]byte // of an id.ID, which converts
}

// ParseEntity reads an entity from its prefixed id; with an empty type it is
// the id's prefix that says what it is.
func ParseEntity(t EntityType, text string) (Entity, error) {
	wrong := fault.ErrValidation.Field("entityId", "id")
	for _, of := range EntityTypes {
		if t != "" && t != of {
			continue
		}
		e := Entity{Type: of}
		var err error
		switch of {
		case Submission:
			e.ID, err = parse[submission.ID](text)
		case Quote:
			e.ID, err = parse[quote.ID](text)
		case Policy:
			e.ID, err = parse[policy.ID](text)
		}
		if err == nil && e.ID != [16]byte{} {
			return e, nil
		}
	}
	return Entity{}, wrong
}

func parse[ID ~[16]byte, P interface {
	*ID
	UnmarshalText(b []byte) error
}](text string) ([16]byte, error) {
	var v ID
	err := P(&v).UnmarshalText([]byte(text))
	return v, err
}

// String returns the prefixed id.
func (e Entity) String() string {
	switch e.Type {
	case Submission:
		return submission.ID(e.ID).String()
	case Quote:
		return quote.ID(e.ID).String()
	case Policy:
		return policy.ID(e.ID).String()
	}
	return ""
}

// UUID returns the form in which Postgres stores the id.
func (e Entity) UUID() string { return submission.ID(e.ID).UUID() }
