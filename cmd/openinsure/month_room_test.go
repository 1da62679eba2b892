package main

import "slices"

// What a broker does about a deal he does himself, from the room, every other time;
// in between the people of the MGA do it for him.

// broker does something of the broker's side: from the room, at a path of its own
// there, or at the desk.
func (t *tale) broker(act, inRoom, atDesk string, body any) {
	t.t.Helper()
	who, path := "una", atDesk
	if t.room != "" && t.himself(act) {
		who, path = "ben", "/v1/deal-rooms/"+t.room+inRoom
	}
	t.act(act, who, path, body)
}

// brokerOn is broker, about the tale's referral.
func (t *tale) brokerOn(act, inRoom, atDesk string, body any) {
	t.t.Helper()
	of := "/referrals/" + t.referral + "/"
	t.broker(act, of+inRoom, "/v1"+of+atDesk, body)
}

// himself reports whether it is the broker's turn to do an act himself, and counts
// it.
func (t *tale) himself(act string) bool {
	ben, una := act+" by ben", act+" by una"
	if t.dealt[ben] > t.dealt[una] {
		t.dealt[una]++
		return false
	}
	t.dealt[ben]++
	return true
}

// sees complains unless the deal, as the broker reads it, lists something under a
// path of lists.
func (t *tale) sees(id string, lists ...string) {
	t.t.Helper()
	if t.room == "" {
		return
	}
	var in func(v any, lists []string) bool
	in = func(v any, lists []string) bool {
		m, _ := v.(map[string]any)
		if len(lists) == 0 {
			return m["id"] == id
		}
		all, _ := m[lists[0]].([]any)
		return slices.ContainsFunc(all, func(v any) bool { return in(v, lists[1:]) })
	}
	if d := t.must("ben", "GET", "/v1/deal-rooms/"+t.room+"/deal", nil); !in(d, lists) {
		t.fail("the broker does not see %s among the %v of %v", id, lists, d)
	}
}

// dealtBoth complains of what was not done both ways.
func (s *month) dealtBoth() {
	s.t.Helper()
	for _, act := range []string{"accept", "respond", "counter", "condition", "leave"} {
		for _, who := range []string{" by ben", " by una"} {
			if s.dealt[act+who] == 0 {
				s.t.Errorf("%s%s: never", act, who)
			}
		}
	}
	s.t.Logf("the broker's side: %v", s.dealt)
}
