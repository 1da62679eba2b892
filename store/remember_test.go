package store

import (
	"testing"

	"github.com/openinsure/openinsure/internal/access"
)

// What was read while something was forgotten may be from before the change that
// it was forgotten for, and is not kept; what was read after it is.
func TestWhatWasReadBeforeAChange(t *testing.T) {
	of := viewer{org: access.OrgID{1}, of: access.Subject{Type: "user", ID: "una"}}
	on := access.Object{Type: access.Claim, ID: "c", Org: of.org}
	tuples := func(relation string) access.Graph {
		return access.Graph{on.Node(): {{Relation: relation, SubjectType: "user", SubjectID: "una"}}}
	}
	g := &graph{}
	_, gen := g.since()
	g.learn(revision{epoch: "e", horizon: 10}, gen, of, nil) // the first answer forgets everything
	_, slow := g.since()                                     // somebody asks, and reads before the change
	_, quick := g.since()                                    // somebody asks after him, reads after it and is answered first
	g.learn(revision{epoch: "e", horizon: 10, changes: []string{"12 claim c"}}, quick, of, nil)
	g.learn(revision{epoch: "e", horizon: 10}, slow, of, tuples("before"))
	if got, ok := g.known(of, []access.Object{on}); ok {
		t.Fatalf("kept %v, which is from before the change", got)
	}
	_, now := g.since()
	g.learn(revision{epoch: "e", horizon: 13, changes: []string{"12 claim c"}}, now, of, tuples("after"))
	got, ok := g.known(of, []access.Object{on})
	if !ok || len(got[on.Node()]) != 1 || got[on.Node()][0].Relation != "after" {
		t.Fatalf("kept %v, %v", got, ok)
	}
}
