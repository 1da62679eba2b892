package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// notOfRequests are the actions that no request of an organisation brings about.
var notOfRequests = map[audit.Action]string{
	audit.KeysRotated: "of the command line", audit.KeysDropped: "of the command line",
	audit.Authenticate: "see TestRefusalsAreTold", audit.Permission: "see TestRefusalsAreTold", audit.SessionCut: "see TestDeniedOnASocket",
	audit.BindRequested: "see TestABrokerAsksToBind", audit.ClockMoved: "see TestTestClock", audit.ClockReset: "see TestTestClock", audit.SandboxReset: "see TestSandboxReset",
	audit.FlagSet: "see TestFlags", audit.FlagUnset: "see TestFlags",
	audit.ProducerScreened: "see TestProducers", audit.ProducerReviewed: "see TestSanctions", audit.Drafted: "see TestDraft", audit.DraftDropped: "see TestDraftIsChecked", audit.InsuredScreened: "see TestInsuredIsScreened", audit.InsuredReviewed: "see TestInsuredIsScreened", audit.ProducerAdded: "see TestProducers",
	audit.ProducerChanged: "see TestProducers", audit.LicenseAdded: "see TestProducers", audit.LicenseChanged: "brought about in TestProducers",
	audit.CarrierAdded: "see TestDelegatedAuthority", audit.CarrierChanged: "see TestDelegatedAuthority", audit.AgreementAdded: "see TestDelegatedAuthority",
	audit.AgreementChanged: "see TestDelegatedAuthority", audit.CapacityReserved: "see TestDelegatedAuthority", audit.BordereauMade: "see TestDelegatedAuthority",
	audit.AppointmentAdded: "see TestProducers", audit.AppointmentChanged: "see TestProducers", audit.ProducerSaleChecked: "see TestBindByProducer",
}

// TestEveryActionIsAudited does each thing that is kept, once, and looks for
// what it must not say.
func TestEveryActionIsAudited(t *testing.T) {
	c := newCast(t)
	began := len(c.kept("ada"))
	var want []string
	did := func(actions ...audit.Action) {
		t.Helper()
		for _, a := range actions {
			want = append(want, string(a))
		}
		if d := cmp.Diff(want, c.kept("ada")[began:]); d != "" {
			t.Fatalf("kept (-want +got):\n%s", d)
		}
	}
	secrets := []string{canary}
	key := c.want(201, "ada", "POST", "/v1/api-keys", `{"name":"`+canary+`","scopes":["rooms:write"]}`)
	secrets = append(secrets, key["key"].(string), key["prefix"].(string))
	did(audit.KeyCreated)
	next := c.want(201, "ada", "POST", "/v1/api-keys/"+key["id"].(string)+"/rotate", `{"overlapHours":1}`)
	secrets = append(secrets, next["key"].(string), next["prefix"].(string))
	did(audit.KeyRotated)
	if _, err := c.db.EndKeys(t.Context(), time.Now().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	did(audit.KeyRevoked) // by itself
	key = next
	c.want(204, "ada", "DELETE", "/v1/api-keys/"+key["id"].(string), "")
	did(audit.KeyRevoked)
	c.want(404, "ada", "DELETE", "/v1/api-keys/"+access.NewKeyID(time.Now()).String(), "")
	did() // nothing was changed

	user := "/v1/users/" + c.want(201, "ada", "POST", "/v1/users", `{"email":"`+canary+`@example.com","name":"`+canary+`","role":"underwriter"}`)["id"].(string)
	did(audit.UserCreated)
	c.want(200, "ada", "PATCH", user, `{"role":"auditor","name":"`+canary+` Two"}`)
	did(audit.UserChanged)
	c.want(204, "ada", "DELETE", user, "")
	did(audit.UserStopped)
	c.want(200, "ada", "PATCH", "/v1/organizations/"+c.una.Org.String(), `{"name":"`+canary+`"}`)
	did(audit.OrgChanged)

	sub := c.want(201, "una", "POST", "/v1/submissions", strings.Replace(goodSubmission, "Pacific Coast Builders", canary, 1))["id"].(string)
	c.want(200, "una", "PATCH", "/v1/submissions/"+sub, `{"insuredName":"`+canary+` Two"}`)
	did(audit.Corrected)
	c.want(200, "una", "POST", "/v1/submissions/"+sub+"/claim", "")
	did(audit.Claimed)
	c.want(200, "una", "POST", "/v1/submissions/"+sub+"/release", "")
	did(audit.Released)
	gone := c.want(201, "una", "POST", "/v1/submissions", strings.Replace(goodSubmission, `,"externalId":"ext-1"`, "", 1))["id"].(string)
	c.want(200, "una", "POST", "/v1/submissions/"+gone+"/withdraw", `{"reason":"other","message":"`+canary+`"}`)
	did(audit.Withdrawn)
	refused := c.want(201, "una", "POST", "/v1/submissions", strings.Replace(goodSubmission, `,"externalId":"ext-1"`, "", 1))["id"].(string)
	c.want(200, "una", "POST", "/v1/submissions/"+refused+"/decline", `{"reasons":["capacity"],"rationale":"`+canary+`"}`)
	did(audit.Declined)
	q := c.want(201, "una", "POST", "/v1/submissions/"+sub+"/quote", "")
	did(audit.Quoted)
	c.want(200, "una", "POST", "/v1/quotes/"+q["id"].(string)+"/offer", "")
	did(audit.QuoteOffered)
	c.want(200, "una", "POST", "/v1/quotes/"+q["id"].(string)+"/accept", "")
	did(audit.QuoteAccepted)
	program := c.want(201, "ada", "POST", "/v1/programs", strings.Replace(requestOf(t, "create-program"), "Cyber for retailers", canary, 1))["id"].(string)
	did(audit.ProgramCreated)
	c.want(200, "ada", "PATCH", "/v1/programs/"+program, `{"name":"`+canary+` Two","autoBindThreshold":40000}`)
	did(audit.ProgramChanged)
	table := c.want(201, "ada", "POST", "/v1/rate-tables", strings.Replace(requestOf(t, "create-rate-table"), "prog_01J8K3M4N5P6Q7R8S9T0V1W2X4", program, 1))["id"].(string)
	did(audit.RatesDrafted)
	c.want(200, "ada", "POST", "/v1/rate-tables/"+table+"/publish", "")
	did(audit.RatesPublished)
	ref := c.want(201, "una", "POST", "/v1/referrals", fmt.Sprintf(`{"entityType":"quote","entityId":%q,"reason":"prior_losses","rationale":%q}`, q["id"], canary))
	did(audit.ReferralRaised)
	c.want(200, "ulf", "POST", "/v1/referrals/"+ref["id"].(string)+"/claim", "")
	did(audit.ReferralChanged)
	c.want(201, "ada", "POST", "/v1/authority/profiles", authorityProfile)
	did(audit.AuthorityChanged)
	c.want(200, "ulf", "POST", "/v1/referrals/"+ref["id"].(string)+"/decision", `{"decision":"approve","rationale":"`+canary+`"}`)
	did(audit.ReferralDecided)

	room := at(c.want(201, "una", "POST", "/v1/deal-rooms", fmt.Sprintf(`{"submissionId":%q,"title":%q}`, sub, canary)))
	did(audit.RoomOpened, audit.ParticipantAdded)
	c.want(201, "una", "POST", room+"/messages", `{"body":"`+canary+`"}`)
	c.want(201, "una", "POST", room+"/participants", fmt.Sprintf(`{"email":%q,"role":"broker"}`, c.email("ben")))
	did(audit.ParticipantAdded)
	c.want(200, "una", "PATCH", room+"/participants/"+c.id("ben"), `{"canChat":false}`)
	did(audit.ParticipantChanged)
	c.want(204, "ben", "DELETE", room+"/participants/"+c.id("ben"), "")
	did(audit.ParticipantRemoved)
	if got := c.kept("mel"); !slices.Equal(got, []string{"participant.removed"}) {
		t.Errorf("the broker's own company kept %v", got)
	}
	secrets = append(secrets, c.guestComesAndGoes(room, did)...)
	c.want(200, "una", "PATCH", room, `{"status":"closed","reason":"`+canary+`"}`)
	did(audit.RoomClosed)
	c.want(200, "una", "PATCH", room, `{"status":"active"}`)
	did(audit.RoomReopened)
	c.want(200, "una", "PATCH", room, `{"status":"archived"}`)
	did(audit.RoomArchived)

	c.want(201, "una", "POST", "/v1/submissions/"+sub+"/bind", `{"installmentPlan":"PIF"}`)
	did(audit.PolicyBound)
	large := strings.NewReplacer(`8000000`, `9000000000`, `"externalId":"ext-1",`, "").Replace(goodSubmission)
	big := c.want(201, "una", "POST", "/v1/submissions", large)["id"].(string)
	c.want(201, "una", "POST", "/v1/submissions/"+big+"/quote", "")
	did(audit.Declined)

	hook := c.want(201, "ada", "POST", "/v1/webhooks", `{"url":"`+newCanaryURL+`","events":["*"],"description":"`+canary+`"}`)
	secrets = append(secrets, hook["secret"].(string))
	did(audit.WebhookCreated)
	w := "/v1/webhooks/" + hook["id"].(string)
	c.want(200, "ada", "PATCH", w, `{"url":"`+newCanaryURL+`/2"}`)
	did(audit.WebhookChanged)
	c.want(200, "ada", "PATCH", w, `{"status":"disabled"}`)
	did(audit.WebhookDisabled)
	c.want(200, "ada", "PATCH", w, `{"status":"enabled"}`)
	did(audit.WebhookChanged)
	var id push.EndpointID
	if err := id.UnmarshalText([]byte(hook["id"].(string))); err != nil {
		t.Fatal(err)
	}
	if err := c.db.DisableEndpoint(t.Context(), push.Endpoint{ID: id, Org: c.una.Org, URL: newCanaryURL + "/2"}, "gone"); err != nil {
		t.Fatal(err)
	}
	did(audit.WebhookDisabled) // by itself
	c.want(204, "ada", "DELETE", w, "")
	did(audit.WebhookDeleted)

	phone := strings.Repeat("c0ffee00", 8)
	secrets = append(secrets, phone)
	dev := c.want(201, "una", "POST", "/v1/me/devices", `{"token":"`+phone+`","platform":"ios"}`)
	did(audit.DeviceAdded)
	c.want(200, "una", "POST", "/v1/me/devices", `{"token":"`+phone+`","platform":"ios"}`)
	did() // it was known
	c.want(204, "una", "DELETE", "/v1/me/devices/"+dev["id"].(string), "")
	did(audit.DeviceRemoved)

	err := c.db.InTx(t.Context(), c.una, func(tx *store.Tx) error {
		user, err := parseUserID(c.una.ID)
		if err != nil {
			return err
		}
		return tx.AddLoginLink(t.Context(), "code"+canary, user, time.Now().Add(time.Minute))
	})
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, c.must(200, "", "POST", "/auth/login", `{"code":"code`+canary+`"}`)["token"].(string))
	did(audit.SignIn)
	secrets = append(secrets, c.must(200, "", "POST", "/auth/demo", `{"secret":"`+worldSecret+`","as":"underwriter"}`)["token"].(string), worldSecret)
	did(audit.SignIn)
	secrets = append(secrets, c.insuredComesAndGoes(did)...)
	if status, body, _ := c.raw("ada", "/v1/audit/export"); status != 200 || len(body) == 0 {
		t.Fatalf("export: %d", status)
	}
	did(audit.LogExported)
	founded := c.must(201, worldSecret, "POST", "/v1/organizations", `{"name":"`+canary+`","kind":"mga"}`)["id"].(string)
	if m := c.must(200, worldSecret, "GET", "/v1/audit?orgId="+founded, ""); len(rows(m)) != 1 || rows(m)[0].(map[string]any)["action"] != "organization.created" {
		t.Errorf("of a new organization: %v", m)
	}
	want = append(want, string(audit.OrgCreated))

	for _, a := range audit.Actions {
		if notOfRequests[a] == "" && !slices.Contains(want, string(a)) {
			t.Errorf("nothing was kept as %s", a)
		}
	}
	all := storetest.Value[string](t, c.db, `SELECT string_agg(t::text, E'\n') FROM audit t`)
	for _, s := range append(secrets, "example.com", "Summit") {
		if strings.Contains(all, s) {
			t.Errorf("the log says %.20q", s)
		}
	}
}

// guestComesAndGoes has people invited by mail into a room; it returns what is
// secret of it.
func (c *cast) guestComesAndGoes(path string, did func(...audit.Action)) []string {
	c.t.Helper()
	letter := func() *push.Notice {
		c.t.Helper()
		ds, err := c.db.Lease(c.t.Context(), push.Mail, "test", 100, time.Minute)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, d := range slices.Backward(ds) {
			if d.Type == push.InvitationType || d.Type == push.GuestLinkType {
				return d.Notice
			}
		}
		c.t.Fatal("there is no letter")
		return nil
	}
	link := func() string {
		c.t.Helper()
		_, found, _ := strings.Cut(letter().URL, "#")
		return found
	}
	p := &place{world: c.world}
	invite := func(email string) string {
		c.t.Helper()
		m := c.want(202, "una", "POST", path+"/participants", fmt.Sprintf(`{"email":%q,"role":"broker"}`, email))
		return m["invitation"].(map[string]any)["id"].(string)
	}
	gus := canary + "@guests.example.com"
	invite(gus)
	did(audit.InvitationSent)
	old := link()
	invite(gus)
	did(audit.InvitationReplaced, audit.InvitationSent)
	secret := link()
	cookie := p.pageCookie()
	for range 3 {
		if status, m, _ := p.page(cookie, "knock", fields{"link": secret}); status != 200 {
			c.t.Fatalf("knock: %d %v", status, m)
		}
	}
	did(audit.InvitationOpened) // once
	status, m, h := p.page(cookie, "enter", fields{"link": secret, "name": canary, "firm": canary})
	if status != 200 {
		c.t.Fatalf("enter: %d %v", status, m)
	}
	did(audit.ParticipantAdded, audit.InvitationAccepted)
	device, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	id := m["roomId"].(string)
	if status, m, _ := p.page(device, "session", fields{"roomId": id}); status != 200 {
		c.t.Fatalf("session: %d %v", status, m)
	}
	did(audit.SignIn)
	p.page(cookie, "link", fields{"roomId": id, "email": gus})
	did(audit.GuestLinkMailed)
	p.page(cookie, "link", fields{"roomId": id, "email": "nobody@guests.example.com"})
	did() // nobody was mailed
	back := link()
	if status, m, _ := p.page(cookie, "enter", fields{"link": back}); status != 200 {
		c.t.Fatalf("enter again: %d %v", status, m)
	}
	did(audit.SignIn)
	gone := invite("x" + gus)
	did(audit.InvitationSent)
	c.want(204, "una", "DELETE", path+"/invitations/"+gone, "")
	did(audit.InvitationRevoked)
	_, cookieValue, _ := strings.Cut(device, "=")
	return []string{old, secret, back, cookieValue}
}

// insuredComesAndGoes has a policyholder sign in and out; it returns what is
// secret of it.
func (c *cast) insuredComesAndGoes(did func(...audit.Action)) []string {
	c.t.Helper()
	number := c.bind(c.una, canary+"@example.com")
	did(audit.Quoted, audit.PolicyBound)
	if got, m := c.askCode(home, number, canary+"@example.com"); got != 202 {
		c.t.Fatalf("ask: %d %v", got, m)
	}
	code := c.codes()[canary+"@example.com"]
	did(audit.CodeMailed)
	got, s := c.tryCode(home, number, code, `,"device":"`+canary+`"`)
	if got != 200 {
		c.t.Fatalf("sign in: %d %v", got, s)
	}
	did(audit.SignIn)
	first := s["refreshToken"].(string)
	got, again := c.refresh(first)
	if got != 200 {
		c.t.Fatalf("refresh: %d %v", got, again)
	}
	did(audit.Refreshed)
	c.must(204, again["token"].(string), "DELETE", "/v1/portal/sessions/"+s["sessionId"].(string), "")
	did(audit.SignedOut)
	return []string{first, again["refreshToken"].(string), number}
}
