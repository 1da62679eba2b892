package event_test

import (
	"slices"
	"testing"

	"github.com/openinsure/openinsure/internal/event"
)

// Whoever may follow an audience may read whatever it is told, and is asked for
// nothing else.
func TestAudiencesAskForWhatTheyTell(t *testing.T) {
	told := map[string]map[string]bool{}
	for _, a := range event.Audiences {
		told[a] = map[string]bool{}
	}
	for _, typ := range event.Types() {
		for _, a := range typ.Audiences {
			if typ.Open {
				continue
			}
			told[a][typ.Resource] = true
			if !slices.Contains(event.Asked[a], typ.Resource) {
				t.Errorf("%s tells the audience %s of %s, for which nobody is asked who follows it; to ask for it now would break keys that are in use", typ.Name, a, typ.Resource)
			}
		}
	}
	for a, asked := range event.Asked {
		for _, resource := range asked {
			if !told[a][resource] {
				t.Errorf("%s asks for %s, of which nothing is told", a, resource)
			}
		}
	}
}
