package submission

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
)

// Differences names what one version of a submission says otherwise than
// another, as the fields of the API are called; nil when it is the same.
func Differences(a, b Submission) []string {
	var names []string
	differs := func(other bool, name string) {
		if other {
			names = append(names, name)
		}
	}
	differs(a.ExternalID != b.ExternalID, "externalId")
	differs(a.InsuredName != b.InsuredName, "insuredName")
	differs(a.NAICS != b.NAICS, "naicsCode")
	differs(a.AnnualRevenue != b.AnnualRevenue, "annualRevenue")
	differs(a.RequestedLimit != b.RequestedLimit, "requestedLimit")
	differs(a.EffectiveDate != b.EffectiveDate, "effectiveDate")
	differs(a.State != b.State, "state")
	differs(a.LineOfBusiness != b.LineOfBusiness, "lineOfBusiness")
	differs(a.Producer != b.Producer, "producerId")
	differs(a.Urgent() != b.Urgent(), "priority")
	differs(!maps.Equal(a.Metadata, b.Metadata), "metadata")
	differs(a.Insured != b.Insured && (a.Insured == nil || b.Insured == nil || *a.Insured != *b.Insured), "insured")
	x, y := a.Exposure.members(), b.Exposure.members()
	for _, name := range slices.Sorted(maps.Keys(union(x, y))) {
		differs(!reflect.DeepEqual(x[name], y[name]), name)
	}
	return names
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// members are what is known of a risk, by name.
func (r Risk) members() map[string]any {
	m := map[string]any{}
	_ = json.Unmarshal([]byte(r.String()), &m) // it is what String wrote
	return m
}
