package access_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
)

// judged are tuples that come with an authority.
type judged struct {
	graph
	say access.Opinion
	err error
}

func (j judged) Evaluator(context.Context) access.Evaluator { return j }

func (j judged) Evaluate(context.Context, access.Actor, access.Permission, access.Object) (access.Opinion, error) {
	return j.say, j.err
}

func TestEvaluatorOnlyRefuses(t *testing.T) {
	at := time.Now()
	org, firm := access.NewOrgID(at), access.NewOrgID(at)
	una, ben, eve := access.NewUserID(at), access.NewUserID(at), access.NewUserID(at)
	on := access.Object{Type: access.Submission, ID: access.NewOrgID(at).UUID(), Org: org}
	g := graph{
		"org:" + org.UUID():   {{Relation: "underwriter", SubjectType: "user", SubjectID: una.UUID()}},
		"org:" + firm.UUID():  {{Relation: "broker", SubjectType: "user", SubjectID: ben.UUID()}},
		"submission:" + on.ID: {{Relation: "producer", SubjectType: "user", SubjectID: ben.UUID()}},
	}
	user := func(id access.UserID, org access.OrgID) access.Actor {
		return access.Actor{Kind: access.User, ID: id.String(), Org: org}
	}
	down := errors.New("down")
	yes, no, known := access.Opinion{Holds: true, Known: true}, access.Opinion{}, access.Opinion{Known: true}
	for _, tt := range []struct {
		name string
		by   access.Actor
		want access.Permission
		say  access.Opinion
		err  error
		got  error
		all  bool // whether a list holds all of the organisation's
	}{
		{"both allow", user(una, org), access.Read, yes, nil, nil, true},
		{"the authority alone allows", user(eve, org), access.Read, yes, nil, fault.ErrForbidden, false},
		{"the authority alone allows a stranger", user(eve, firm), access.Read, yes, nil, fault.ErrNotFound, false},
		{"the authority refuses", user(una, org), access.Read, no, nil, fault.ErrForbidden, false},
		{"the authority does not know the producer", user(ben, firm), access.Read, no, nil, fault.ErrNotFound, false},
		{"the authority refuses the producer", user(ben, firm), access.Write, known, nil, fault.ErrForbidden, false},
		{"the authority is down", user(una, org), access.Read, yes, down, down, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := judged{g, tt.say, tt.err}
			if err := access.Check(t.Context(), j, tt.by, tt.want, on); !errors.Is(err, tt.got) {
				t.Errorf("Check = %v, want %v", err, tt.got)
			}
			see, err := access.Visible(t.Context(), j, tt.by, access.Submission)
			if !errors.Is(err, tt.err) || see.All != tt.all {
				t.Errorf("Visible = %+v, %v", see, err)
			}
		})
	}
}

func TestZedSaysWhatIsKnown(t *testing.T) {
	zed := access.Zed()
	for _, line := range []string{"\tpermission known = read + insured + producer", "\tpermission known = read"} {
		if !strings.Contains(zed, line+"\n") {
			t.Errorf("no %q in\n%s", line, zed)
		}
	}
}
