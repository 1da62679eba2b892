package oidc

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// Faults of somebody whom the server signed in and who is not mapped here.
var (
	ErrOrganization = fault.New(fault.Forbidden, "identity_organization", "The session is for another organization than the one that this user belongs to here.")
	ErrRole         = fault.New(fault.Forbidden, "identity_role", "The sign-in server does not grant the role that this user has here.")
)

// A Mapping says what the server's claims mean here. They only take away: a user
// has the organisation and the role that he has here, or is refused. The zero
// Mapping asks for no claim.
type Mapping struct {
	OrganizationClaim string                    // empty: organisations are not asked for
	Organizations     map[string][]access.OrgID // by the claim's values; one that is not there is taken as our id
	RoleClaim         string                    // empty: roles are not asked for
	Roles             map[string][]string       // by the claim's values; one that is not there is taken as our role
}

// ParseOrganizations reads value=org_….
func ParseOrganizations(pairs []string) (map[string][]access.OrgID, error) {
	m := map[string][]access.OrgID{}
	var errs []error
	for _, pair := range pairs {
		value, text, ok := cut(pair)
		org, err := access.ParseOrgID(text)
		if !ok || err != nil {
			errs = append(errs, fmt.Errorf("%q is not of the form value=org_…", pair))
			continue
		}
		m[value] = append(m[value], org)
	}
	return m, errors.Join(errs...)
}

// ParseRoles reads value=role, for roles that there are.
func ParseRoles(pairs []string) (map[string][]string, error) {
	m := map[string][]string{}
	var errs []error
	for _, pair := range pairs {
		value, role, ok := cut(pair)
		if !ok || !slices.Contains(access.Roles, role) {
			errs = append(errs, fmt.Errorf("%q is not of the form value=role, with a role of %s", pair, strings.Join(access.Roles, ", ")))
			continue
		}
		m[value] = append(m[value], role)
	}
	return m, errors.Join(errs...)
}

// cut splits at the last =, since groups have names such as CN=Underwriters.
func cut(pair string) (value, meaning string, ok bool) {
	i := strings.LastIndexByte(pair, '=')
	if i < 1 {
		return "", "", false
	}
	return strings.TrimSpace(pair[:i]), strings.TrimSpace(pair[i+1:]), true
}

// Allows returns nil when what the server said of somebody goes with the
// organisation and role of the user that he is here.
func (m Mapping) Allows(w Who, org access.OrgID, role string) error {
	if m.OrganizationClaim != "" && !slices.ContainsFunc(w.Organizations, func(v string) bool {
		if mapped, ok := m.Organizations[v]; ok {
			return slices.Contains(mapped, org)
		}
		own, err := access.ParseOrgID(v)
		return err == nil && own == org
	}) {
		return ErrOrganization
	}
	if m.RoleClaim != "" && !slices.ContainsFunc(w.Roles, func(v string) bool {
		if mapped, ok := m.Roles[v]; ok {
			return slices.Contains(mapped, role)
		}
		return v == role
	}) {
		return ErrRole
	}
	return nil
}
