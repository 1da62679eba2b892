package access_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// TestWebhookMatrix is the table of who may what with an organisation's webhook
// endpoints: read them (R), manage them (M).
func TestWebhookMatrix(t *testing.T) {
	at := time.Now()
	mga, firm := access.NewOrgID(at), access.NewOrgID(at)
	for _, tt := range []struct {
		name    string
		kind    access.Kind
		org     access.OrgID
		role    string // in his organisation
		may     string
		refused error // what he may not is
	}{
		{"administrator", access.User, mga, access.RoleAdmin, "RM", nil},
		{"underwriter", access.User, mga, access.RoleUnderwriter, "R", fault.ErrForbidden},
		{"auditor", access.User, mga, access.RoleAuditor, "R", fault.ErrForbidden},
		{"broker", access.User, mga, access.RoleBroker, "", fault.ErrForbidden},
		{"without a role", access.User, mga, "", "", fault.ErrForbidden},
		{"key", access.Machine, mga, "integration", "RM", nil},
		{"system", access.System, mga, "", "RM", nil},
		{"policyholder", access.Insured, mga, "", "", fault.ErrNotFound},
		{"administrator of another", access.User, firm, access.RoleAdmin, "", fault.ErrNotFound},
		{"key of another", access.Machine, firm, "integration", "", fault.ErrNotFound},
		{"system of another", access.System, firm, "", "", fault.ErrNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			by, subject := access.Actor{Kind: tt.kind, ID: access.NewUserID(at).String(), Org: tt.org}, "user"
			switch tt.kind {
			case access.Machine:
				by.ID, subject = access.NewKeyID(at).String(), "key"
			case access.Insured:
				by.ID = access.NewPersonID(at).String()
			case access.System:
				by.ID = "system"
			case access.User:
			}
			g := graph{}
			if tt.role != "" {
				g["org:"+tt.org.UUID()] = []access.Tuple{{Relation: tt.role, SubjectType: subject, SubjectID: *by.UUID()}}
			}
			may := ""
			for _, c := range []struct {
				letter string
				want   access.Permission
			}{{"R", access.ReadWebhooks}, {"M", access.ManageWebhooks}} {
				err := access.Check(t.Context(), g, by, c.want, access.OrgObject(mga))
				if err == nil {
					may += c.letter
				} else if !errors.Is(err, tt.refused) {
					t.Errorf("%s: %v, want %v", c.want, err, tt.refused)
				}
			}
			if may != tt.may {
				t.Errorf("may %q, want %q", may, tt.may)
			}
		})
	}
}
