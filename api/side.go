package api

import (
	"context"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// Faults of somebody who asks for what only the other side has.
var (
	errUserRequired    = fault.New(fault.Forbidden, "user_required", "Only a user who signed in has this; a policyholder finds his own under /v1/portal.")
	errInsuredRequired = fault.New(fault.Forbidden, "insured_required", "The portal is a policyholder's; a user finds his own under /v1/me.")
)

// A side is where one sort of person finds what is his own. Both sides have the
// same operations.
type side struct {
	path, tag string
	id        string // in operationIds
	kind      access.Kind
	refusal   error
}

// sides are the two: those who work for an organisation, and policyholders.
var sides = []side{
	{"/v1/me", "Me", "my", access.User, errUserRequired},
	{"/v1/portal", "Portal", "portal", access.Insured, errInsuredRequired},
}

// person is who asks, when he is of this side. Keys and the system are of none.
func (s side) person(ctx context.Context) (access.Actor, error) {
	by := access.From(ctx)
	if by.Kind != s.kind {
		return access.Actor{}, s.refusal
	}
	return by, nil
}
