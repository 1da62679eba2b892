package access_test

import (
	"context"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
)

// memory holds tuples and answers each question with all of them.
type memory access.Graph

func (m memory) Relationships(context.Context, access.Subject, ...access.Object) (access.Graph, error) {
	return access.Graph(m), nil
}

// BenchmarkCheck is the walk over the schema without a database.
func BenchmarkCheck(b *testing.B) {
	now := time.Now()
	org, user := access.NewOrgID(now), access.NewUserID(now)
	by := access.Actor{Kind: access.User, ID: user.String(), Org: org}
	on := access.Object{Type: access.Submission, ID: access.NewKeyID(now).UUID(), Org: org}
	for name, tuples := range map[string]memory{
		"role":    {access.OrgObject(org).Node(): {{Relation: access.RoleUnderwriter, SubjectType: "user", SubjectID: user.UUID()}}},
		"userset": {access.OrgObject(org).Node(): {{Relation: access.RoleBroker, SubjectType: "user", SubjectID: user.UUID()}}, on.Node(): {{Relation: "producer", SubjectType: "org", SubjectID: org.UUID(), SubjectRelation: "member"}}},
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
