package access_test

import (
	"context"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
)

// memory holds the tuples of objects by their ids.
type memory map[string][]access.Tuple

func (m memory) Relationships(_ context.Context, o access.Object, _, _ string) ([]access.Tuple, error) {
	return m[o.ID], nil
}

// BenchmarkCheck is the walk over the schema without a database.
func BenchmarkCheck(b *testing.B) {
	now := time.Now()
	org, user := access.NewOrgID(now), access.NewUserID(now)
	by := access.Actor{Kind: access.User, ID: user.String(), Org: org}
	on := access.Object{Type: access.Submission, ID: access.NewKeyID(now).UUID(), Org: org}
	for name, tuples := range map[string]memory{
		"role":    {org.UUID(): {{Relation: access.RoleUnderwriter, SubjectType: "user", SubjectID: user.UUID()}}},
		"userset": {org.UUID(): {{Relation: access.RoleBroker, SubjectType: "user", SubjectID: user.UUID()}}, on.ID: {{Relation: "producer", SubjectType: "org", SubjectID: org.UUID(), SubjectRelation: "member"}}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := access.Check(b.Context(), tuples, by, access.Read, on); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
