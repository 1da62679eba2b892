package api

import (
	"encoding/base64"
	"strings"
	"testing"
)

// A cursor is good for the list that gave it, with its filters, and for nothing
// else: not for other filters, another list, or another thing's list.
func TestCursorsAreOfTheirList(t *testing.T) {
	c := newCast(t)
	for range 3 {
		c.submission()
	}
	next := func(path string) string { return c.want(200, "una", "GET", path, "")["nextCursor"].(string) }
	refused := func(path string) {
		t.Helper()
		if got := strings.Join(wrongs(c.want(400, "una", "GET", path, "")), ", "); got != "cursor cursor" {
			t.Errorf("%s: %s", path, got)
		}
	}
	const list = "/v1/submissions?limit=1&lineOfBusiness=GL&status=received"
	of := next(list)
	// The filters in any order, and pages of any size.
	second := next("/v1/submissions?limit=1&status=received&lineOfBusiness=GL&cursor=" + of)
	c.want(200, "una", "GET", list[:len("/v1/submissions?")]+"limit=50&lineOfBusiness=GL&status=received&cursor="+second, "")
	for _, path := range []string{
		"/v1/submissions?", "/v1/submissions?lineOfBusiness=GL", "/v1/submissions?lineOfBusiness=GL&status=quoted", "/v1/submissions/queue?",
		"/v1/submissions?lineOfBusiness=GL&status=received&externalId=x", "/v1/events?", "/v1/webhooks?", "/v1/policies?lineOfBusiness=GL&status=bound",
	} {
		refused(path + "&cursor=" + of)
	}
	refused("/v1/submissions?cursor=" + next("/v1/submissions/queue?limit=1"))
	refused("/v1/events?type=submission.created&cursor=" + next("/v1/events?limit=1"))
	// What a server of before gave, a part of one, and one that says more.
	refused(list + "&cursor=" + base64.RawURLEncoding.EncodeToString([]byte(`{"t":"2026-03-02T12:00:00Z","i":"AAAAAAAAAAAAAAAAAAAAAA=="}`)))
	refused(list + "&cursor=" + of[:listNameLength])
	refused(list + "&cursor=" + of + "x")
	// Each page of another company begins at its own start.
	if got, m, _ := c.as("eve", "GET", list+"&cursor="+of, ""); got != 400 {
		t.Errorf("another company: %d %v", got, m)
	}
}

// What narrows a list is looked at: said twice, of nothing, or of what there is
// not, it is refused.
func TestFiltersAreChecked(t *testing.T) {
	c := newCast(t)
	c.submission()
	for query, want := range map[string]string{
		"/v1/submissions?status=bound&status=quoted":         "status unique",
		"/v1/submissions?limit=1&limit=1":                    "limit unique",
		"/v1/submissions?externalId=&assignee=&status=":      "assignee minLength, externalId minLength, status minLength",
		"/v1/submissions?assignee=me":                        "assignee id",
		"/v1/events?type=bogus&limit=0":                      "limit min, type enum",
		"/v1/producers?npn=abc":                              "npn pattern",
		"/v1/producers?search=":                              "search minLength",
		"/v1/invoices?policyId=" + strings.Repeat("1", 20):   "policyId id",
		"/v1/da-agreements?status=ended&carrierId=x":         "carrierId id, status enum",
		"/v1/submissions?colour=red&colour=blue&externalId=": "colour unknown, externalId minLength",
	} {
		if got := strings.Join(wrongs(c.want(400, "una", "GET", query, "")), ", "); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"/v1/submissions?cursor=", "/v1/events?type=claim.filed", "/v1/submissions?assignee=" + c.id("una"), "/v1/producers?npn=66", "/v1/da-agreements?status=expired"} {
		c.want(200, "una", "GET", query, "")
	}
}
