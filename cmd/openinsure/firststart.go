package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/store"
)

// firstStart gives an empty database outside production the two demo
// organisations, and returns what to print once the server listens.
func (p *platform) firstStart(ctx context.Context, s *settings) (string, error) {
	if s.production() {
		return "", nil
	}
	file := filepath.Join(s.DataDir, "demo.env")
	empty, err := p.db.Empty(ctx)
	if err != nil {
		return "", err
	}
	if empty {
		made, err := p.makeDemo(ctx)
		if err != nil {
			return "", fmt.Errorf("make the demo organisations: %w", err)
		}
		if err := writeEnv(file, made); err != nil {
			return "", err
		}
	}
	demo, err := readEnv(file)
	if err != nil || demo["DEMO_API_KEY"] == "" {
		return "", err
	}
	return fmt.Sprintf(`
OpenInsure listens on {url}. The API's pages: {url}/docs

  API key       %s
  organization  %s (%s)
  API secret    %s

Try this next:

  curl -s {url}/v1/submissions -H "X-API-Key: %s" -H "Content-Type: application/json" \
    -d '{"insuredName":"Pacific Coast Builders","naicsCode":"236220","annualRevenue":8000000,"requestedLimit":1000000,"effectiveDate":"2027-05-01","state":"OR","lineOfBusiness":"GL"}'
`, demo["DEMO_API_KEY"], demo["DEMO_ORG_NAME"], demo["DEMO_ORG"], string(s.APISecret), demo["DEMO_API_KEY"]), nil
}

// makeDemo makes an MGA with an underwriter, an administrator, a policyholder
// and an API key, and a brokerage with a broker.
func (p *platform) makeDemo(ctx context.Context) (map[string]string, error) {
	mga, key, err := p.found(ctx, foundation{
		name: "Summit Specialty MGA", kind: "mga", key: "Demo integration", everyLine: true,
		users: []newUser{
			{"una@summit.example", "Una Underwriter", access.RoleUnderwriter},
			{"ada@summit.example", "Ada Administrator", access.RoleAdmin},
		},
		person: "Pat Policyholder",
	})
	if err != nil {
		return nil, err
	}
	_, _, err = p.found(ctx, foundation{
		name: "Harbor Brokers", kind: "brokerage", users: []newUser{{"ben@harbor.example", "Ben Broker", access.RoleBroker}},
	})
	if err != nil {
		return nil, err
	}
	return map[string]string{"DEMO_API_KEY": key, "DEMO_ORG": mga.ID.String(), "DEMO_ORG_NAME": mga.Name}, nil
}

type newUser struct{ email, name, role string }

// foundation is an organisation to be made, with who belongs to it.
type foundation struct {
	name, kind string
	users      []newUser
	person     string // a policyholder; none when empty
	key        string // the name of an API key with every scope; none when empty
	login      string // the code of a login link for the first user; none when empty
	live       bool   // the key is a production one
	everyLine  bool   // a program of every line of business, not only of general liability
}

// found makes an organisation in one transaction and returns the secret of its
// API key.
func (p *platform) found(ctx context.Context, f foundation) (store.Org, string, error) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	o := store.Org{ID: access.NewOrgID(now), Name: f.name, Kind: f.kind, CreatedAt: now}
	by := access.Actor{Kind: access.System, ID: "system", Org: o.ID}
	var secret string
	err := p.db.InTx(ctx, by, func(tx *store.Tx) error {
		if err := tx.AddOrg(ctx, o); err != nil {
			return err
		}
		tx.Audit(by, audit.Fact{Action: audit.OrgCreated, Object: o.ID.String(), Details: audit.Details{"kind": o.Kind}})
		for i, u := range f.users {
			id := access.NewUserID(now)
			tx.Audit(by, audit.Fact{Action: audit.UserCreated, Object: id.String(), Details: audit.Details{"role": u.role}})
			err := tx.AddUser(ctx, store.User{
				ID: id, Org: o.ID, Email: u.email, Name: u.name, Role: u.role, Status: "active", CreatedAt: now,
			})
			if err != nil {
				return err
			}
			if i > 0 || f.login == "" {
				continue
			}
			if err := tx.AddLoginLink(ctx, f.login, id, now.Add(loginLinkAge)); err != nil {
				return err
			}
		}
		if f.person != "" {
			person := store.Person{ID: access.NewPersonID(now), Org: o.ID, Name: f.person, Email: "pat@policyholder.example", CreatedAt: now}
			if err := tx.AddPerson(ctx, person); err != nil {
				return err
			}
		}
		if f.key != "" {
			var k store.Key
			k, secret = api.NewKey(o.ID, f.key, "system", f.live, now)
			tx.Audit(by, audit.Fact{Action: audit.KeyCreated, Object: k.ID.String(), Details: audit.Details{"scopes": k.Scopes, "tier": k.Tier}})
			if err := tx.AddKey(ctx, k, secret); err != nil {
				return err
			}
		}
		if f.kind == "brokerage" {
			return nil
		}
		if f.everyLine {
			return p.desk.OpenPrograms(ctx, tx, o.ID)
		}
		return p.desk.OpenProgram(ctx, tx, o.ID)
	})
	return o, secret, err
}
