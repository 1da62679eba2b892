package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/internal/cloudflare"
	"github.com/openinsure/openinsure/internal/oidc"
)

// doorSettings are the flags and environment names of who gets in by a browser.
type doorSettings struct {
	DocsAccess   string `env:"DOCS_ACCESS" enum:",open,oidc,cloudflare" default:"" help:"Who may open /docs and /openapi.json: open (everybody), oidc (users who sign in) or cloudflare (whom Cloudflare Access let through). Default: open in development, nobody elsewhere."`
	CFTeamDomain string `env:"CF_ACCESS_TEAM_DOMAIN" name:"cf-access-team-domain" help:"The team at Cloudflare Access, such as acme.cloudflareaccess.com."`
	CFAudience   string `env:"CF_ACCESS_AUD" name:"cf-access-aud" help:"Audience tag of the application at Cloudflare Access that is in front of the docs."`

	OIDCIssuer        string   `env:"OIDC_ISSUER" name:"oidc-issuer" help:"OpenID Connect server that signs users in. Default: none."`
	OIDCClientID      string   `env:"OIDC_CLIENT_ID" name:"oidc-client-id" help:"What this server is called there."`
	OIDCClientSecret  secret   `env:"OIDC_CLIENT_SECRET" name:"oidc-client-secret" help:"Its secret there. Default: none, as a public client."`
	OIDCRedirect      string   `env:"OIDC_REDIRECT" name:"oidc-redirect" help:"Address to come back to, as it is registered there. Default: /auth/oidc/callback of PUBLIC_URL."`
	OIDCScopes        []string `env:"OIDC_SCOPES" name:"oidc-scopes" help:"Scopes to ask for besides openid and email."`
	OIDCAlg           string   `env:"OIDC_ALG" name:"oidc-alg" default:"RS256" help:"What the server signs its tokens with."`
	OIDCVerifiedClaim string   `env:"OIDC_VERIFIED_CLAIM" name:"oidc-verified-claim" default:"email_verified" help:"Claim that says whether an e-mail address is its owner's."`
	OIDCOrgClaim      string   `env:"OIDC_ORG_CLAIM" name:"oidc-org-claim" help:"Claim that names the organisations somebody works for. Default: none is asked for."`
	OIDCOrgs          []string `env:"OIDC_ORGS" name:"oidc-orgs" help:"What its values mean here: value=org_…[,…]. A value that is not there is an organisation's id."`
	OIDCRoleClaim     string   `env:"OIDC_ROLE_CLAIM" name:"oidc-role-claim" help:"Claim that names the roles somebody may have. Default: none is asked for."`
	OIDCRoles         []string `env:"OIDC_ROLES" name:"oidc-roles" help:"What its values mean here: value=role[,…]. A value that is not there is a role's name."`
}

// door is who gets in by a browser, and who says so.
type door struct {
	docs       api.DocsAccess
	assertions api.Assertions
	signIn     *oidc.Server // nil: none is configured
}

// close ends the connections to the sign-in server.
func (d door) close() {
	if d.signIn != nil {
		d.signIn.Close()
	}
}

// openDoor reads what the settings say, with all that is wrong at once.
func (c *doorSettings) openDoor(environment, publicURL string) (door, error) {
	d := door{docs: api.DocsAccess(c.DocsAccess)}
	if d.docs == "" && environment == "development" {
		d.docs = api.DocsOpen
	}
	var errs [2]error
	d.assertions, errs[0] = c.newAssertions()
	d.signIn, errs[1] = c.newSignIn(publicURL)
	return d, errors.Join(errs[:]...)
}

func (c *doorSettings) newAssertions() (api.Assertions, error) {
	if api.DocsAccess(c.DocsAccess) != api.DocsCloudflare {
		return nil, nil //nolint:nilnil // nobody asks
	}
	if err := required("DOCS_ACCESS=cloudflare", "CF_ACCESS_TEAM_DOMAIN", c.CFTeamDomain, "CF_ACCESS_AUD", c.CFAudience); err != nil {
		return nil, err
	}
	gate, err := cloudflare.New(c.CFTeamDomain, c.CFAudience, cloudflare.Config{})
	if err != nil {
		return nil, fmt.Errorf("CF_ACCESS_TEAM_DOMAIN, CF_ACCESS_AUD: %w", err)
	}
	return gate, nil
}

// required says which of names and values are empty.
func required(what string, namesAndValues ...string) error {
	var errs []error
	var name string
	for i, s := range namesAndValues {
		if i%2 == 0 {
			name = s
		} else if s == "" {
			errs = append(errs, fmt.Errorf("%s needs %s", what, name))
		}
	}
	return errors.Join(errs...)
}

func (c *doorSettings) newSignIn(publicURL string) (*oidc.Server, error) {
	if err := c.OIDCClientSecret.fromFile("OIDC_CLIENT_SECRET"); err != nil {
		return nil, err
	}
	if c.OIDCIssuer == "" {
		if api.DocsAccess(c.DocsAccess) == api.DocsOIDC {
			return nil, required("DOCS_ACCESS=oidc", "OIDC_ISSUER", "")
		}
		if c.OIDCClientID != "" {
			return nil, required("OIDC_CLIENT_ID", "OIDC_ISSUER", "")
		}
		return nil, nil //nolint:nilnil // there is none
	}
	redirect := c.OIDCRedirect
	if redirect == "" {
		redirect = strings.TrimSuffix(publicURL, "/") + "/auth/oidc/callback"
	}
	orgs, orgsErr := oidc.ParseOrganizations(c.OIDCOrgs)
	roles, rolesErr := oidc.ParseRoles(c.OIDCRoles)
	s, err := oidc.New(oidc.Config{
		Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: string(c.OIDCClientSecret), Redirect: redirect, Scopes: c.OIDCScopes,
		Algorithm: c.OIDCAlg, Verified: c.OIDCVerifiedClaim,
		Mapping: oidc.Mapping{OrganizationClaim: c.OIDCOrgClaim, Organizations: orgs, RoleClaim: c.OIDCRoleClaim, Roles: roles},
	})
	return s, errors.Join(err, named("OIDC_ORGS", orgsErr), named("OIDC_ROLES", rolesErr),
		without("OIDC_ORGS", len(c.OIDCOrgs), "OIDC_ORG_CLAIM", c.OIDCOrgClaim), without("OIDC_ROLES", len(c.OIDCRoles), "OIDC_ROLE_CLAIM", c.OIDCRoleClaim))
}

func named(setting string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", setting, err)
}

// without says that a list means nothing without the claim that it is of.
func without(list string, n int, setting, value string) error {
	if n == 0 || value != "" {
		return nil
	}
	return fmt.Errorf("%s means nothing without %s", list, setting)
}
