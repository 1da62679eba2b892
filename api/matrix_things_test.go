package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/flag"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A maker makes a thing for a principal who asks for it, owned by somebody when
// it is a person's, and answers its id.
type maker func(c *tenant, who, of string) string

// freshNPN is one that no producer has.
func freshNPN(c *tenant, _, _ string) string { c.number++; return fmt.Sprint(c.number) }

// makers are the things that calls are about, by the name that stands for their
// id in a call. An operation on a new resource adds its own here.
func makers() map[string]maker {
	return map[string]maker{
		"org": func(c *tenant, _, _ string) string { return c.org.String() },
		"submission": func(c *tenant, _, _ string) string {
			return c.field(c.done("lead", "POST", "/v1/submissions", strings.Replace(goodSubmission, `,"externalId":"ext-1"`, "", 1)), "id")
		},
		"claimed submission": func(c *tenant, who, _ string) string {
			s := makers()["submission"](c, who, "")
			c.done("underwriter", "POST", "/v1/submissions/"+s+"/claim", "")
			return s
		},
		"quoted submission": func(c *tenant, who, _ string) string {
			s := makers()["submission"](c, who, "")
			c.things["quote"] = c.field(c.done("lead", "POST", "/v1/submissions/"+s+"/quote", ""), "id")
			return s
		},
		"quote": func(c *tenant, who, _ string) string {
			c.thing(who, "quoted submission")
			return c.things["quote"]
		},
		"open quote": func(c *tenant, who, _ string) string {
			return c.field(c.done("lead", "POST", "/v1/submissions/"+makers()["submission"](c, who, "")+"/quote", ""), "id")
		},
		"offered quote": func(c *tenant, who, _ string) string {
			id := makers()["open quote"](c, who, "")
			c.done("lead", "POST", "/v1/quotes/"+id+"/offer", "")
			return id
		},
		"program": func(c *tenant, _, _ string) string { return c.first("lead", "/v1/programs?lineOfBusiness=GL") },
		"rate table": func(c *tenant, who, _ string) string {
			return c.field(c.done("admin", "POST", "/v1/rate-tables", c.fill(who, `{"programId":"{program}","effectiveDate":"2026-06-01","book":`+exampleGL+`}`)), "id")
		},
		"carrier": func(c *tenant, who, _ string) string {
			return c.field(c.done("admin", "POST", "/v1/carriers", `{"name":"Carrier `+freshNPN(c, who, "")+`"}`), "id")
		},
		// A program that nothing else is bound in: one with an agreement binds only
		// under it.
		"own program": func(c *tenant, who, _ string) string {
			id := quote.NewProgramID(time.Now())
			storetest.SQL(c.t, c.db, `INSERT INTO program (id, org_id, name, line_of_business, auto_bind_threshold, refer_above, decline_above, created_at)
				VALUES ($1, $2, 'P', $3, 1, 1, 1, now())`, id.UUID(), c.org.UUID(), "LINE "+freshNPN(c, who, ""))
			return id.String()
		},
		"agreement": func(c *tenant, who, _ string) string {
			return c.field(c.done("admin", "POST", "/v1/da-agreements", fmt.Sprintf(`{"carrierId":%q,"programId":%q,`+someTerms+`}`,
				makers()["carrier"](c, who, ""), makers()["own program"](c, who, ""))), "id")
		},
		"reported agreement": func(c *tenant, who, _ string) string {
			id := makers()["agreement"](c, who, "")
			b := c.done("admin", "POST", "/v1/bordereaux", fmt.Sprintf(`{"agreementId":%q,"periodStart":"2024-01-01","periodEnd":"2024-02-01"}`, id))
			c.things["bordereau"], c.things["reported carrier"] = c.field(b, "id"), c.field(b, "carrierId")
			return id
		},
		"reported carrier": func(c *tenant, who, _ string) string {
			c.thing(who, "reported agreement")
			return c.things["reported carrier"]
		},
		"bordereau": func(c *tenant, who, _ string) string {
			c.thing(who, "reported agreement")
			return c.things["bordereau"]
		},
		"line": func(c *tenant, _, _ string) string {
			c.line++
			return rating.Lines[1+c.line%(len(rating.Lines)-1)] // all but the one that there is
		},
		"policy": func(c *tenant, _, _ string) string {
			c.bind(c.actors["lead"], "pat@"+c.name+".example")
			return c.first("lead", "/v1/policies?limit=1")
		},
		"policy number": func(c *tenant, _, _ string) string {
			return c.bind(c.actors["lead"], "pat@"+c.name+".example")
		},
		"invoice": func(c *tenant, who, _ string) string {
			return c.first("lead", "/v1/invoices?policyId="+c.thing(who, "policy"))
		},
		"referral": func(c *tenant, who, _ string) string {
			return c.field(c.done("participant", "POST", "/v1/referrals", fmt.Sprintf(
				`{"entityType":"submission","entityId":%q,"reason":"prior_losses","rationale":"Three losses."}`, makers()["submission"](c, who, ""))), "id")
		},
		"draft": func(c *tenant, who, _ string) string {
			return raised(c, who, "underwriter", "submission", `,"draft":true`)
		},
		"own referral": func(c *tenant, who, _ string) string { return raised(c, who, "underwriter", "submission", "") },
		"claimed referral": func(c *tenant, who, _ string) string {
			return moved(c, raised(c, who, "participant", "submission", ""), "underwriter", "/claim", "")
		},
		"asked referral": func(c *tenant, who, _ string) string {
			return moved(c, raised(c, who, "participant", "submission", ""), "hired", "/decision", `{"decision":"request_more_info","rationale":"x","questions":["Closed?"]}`)
		},
		"proposed referral": func(c *tenant, who, _ string) string {
			c.done("admin", "PUT", "/v1/referral-rules", twoAgree)
			return moved(c, raised(c, who, "participant", "quoted submission", ""), "hired", "/decision", `{"decision":"approve","rationale":"x"}`)
		},
		"approved referral": func(c *tenant, who, _ string) string {
			return moved(c, raised(c, who, "participant", "submission", ""), "hired", "/decision", `{"decision":"approve","rationale":"x"}`)
		},
		"countered referral": func(c *tenant, who, _ string) string {
			return moved(c, raised(c, who, "participant", "submission", ""), "hired", "/decision", `{"decision":"approve","rationale":"x","counter":{"exclusions":["Roofing"]}}`)
		},
		"conditional referral": func(c *tenant, who, _ string) string {
			id := moved(c, raised(c, who, "participant", "submission", ""), "hired", "/decision", `{"decision":"approve","rationale":"x","conditions":[{"action":"Send it."}]}`)
			var r struct {
				Decision struct{ Conditions []struct{ ID string } }
			}
			if err := json.Unmarshal(c.done("lead", "GET", "/v1/referrals/"+id, ""), &r); err != nil {
				c.t.Fatal(err)
			}
			c.things["condition"] = r.Decision.Conditions[0].ID
			return id
		},
		"condition": func(c *tenant, who, _ string) string {
			c.thing(who, "conditional referral")
			return c.things["condition"]
		},
		"authority profile": func(c *tenant, _, _ string) string {
			return c.field(c.done("admin", "POST", "/v1/authority/profiles", authorityProfile), "id")
		},
		"delegation": func(c *tenant, _, _ string) string {
			return c.field(c.done("admin", "POST", "/v1/authority/delegations", fmt.Sprintf(`{"delegatorId":%q,"delegateId":%q,"until":%q}`,
				c.actors["seated"].ID, c.actors["hired"].ID, nextWeek)), "id")
		},
		"room": func(c *tenant, who, _ string) string {
			c.things["room submission"] = makers()["submission"](c, who, "")
			return c.field(c.done("lead", "POST", "/v1/deal-rooms", fmt.Sprintf(`{"submissionId":%q,"participants":[
			{"userId":%q,"role":"underwriter"}, {"userId":%q,"role":"underwriter"}, {"userId":%q,"role":"viewer"},
			{"email":"%s@example.com","role":"broker"}, {"email":"%s@example.com","role":"broker"}, {"email":"%s@example.com","role":"manager"}]}`,
				c.things["room submission"], c.actors["participant"].ID, c.actors["seated"].ID, c.actors["viewer"].ID,
				c.actors["partner"].ID, c.actors["partner's seated"].ID, c.actors["partner's manager"].ID)), "id")
		},
		// Rooms of which one thing more can be said, which is made with each.
		"offering room": func(c *tenant, who, _ string) string {
			id := makers()["room"](c, who, "")
			c.things["room's offer"] = c.field(c.done("lead", "POST", "/v1/submissions/"+c.things["room submission"]+"/quote", ""), "id")
			c.done("lead", "POST", "/v1/quotes/"+c.things["room's offer"]+"/offer", "")
			return id
		},
		"room's offer": func(c *tenant, who, _ string) string { c.thing(who, "offering room"); return c.things["room's offer"] },
		"accepted room": func(c *tenant, who, _ string) string {
			id := makers()["offering room"](c, who, "")
			c.done("lead", "POST", "/v1/quotes/"+c.things["room's offer"]+"/accept", "")
			return id
		},
		"asking room":     deciding("room's question", `{"decision":"request_more_info","rationale":"x","questions":["Closed?"]}`),
		"room's question": func(c *tenant, who, _ string) string { c.thing(who, "asking room"); return c.things["room's question"] },
		"countering room": deciding("room's counter", `{"decision":"approve","rationale":"x","counter":{"exclusions":["Roofing"]}}`),
		"room's counter": func(c *tenant, who, _ string) string {
			c.thing(who, "countering room")
			return c.things["room's counter"]
		},
		"conditional room": deciding("room's approval", `{"decision":"approve","rationale":"x","conditions":[{"action":"Send it."}]}`),
		"room's approval": func(c *tenant, who, _ string) string {
			c.thing(who, "conditional room")
			return c.things["room's approval"]
		},
		"room's condition": func(c *tenant, who, _ string) string {
			var r struct {
				Decision struct{ Conditions []struct{ ID string } }
			}
			if err := json.Unmarshal(c.done("lead", "GET", "/v1/referrals/"+c.thing(who, "room's approval"), ""), &r); err != nil {
				c.t.Fatal(err)
			}
			return r.Decision.Conditions[0].ID
		},
		"room submission": func(c *tenant, who, _ string) string {
			c.thing("lead", "room")
			return c.things["room submission"]
		},
		"seat": func(c *tenant, _, _ string) string { return c.actors["seated"].ID },
		"self": func(c *tenant, _, of string) string {
			if id := c.actors[of].ID; id != "" {
				return id
			}
			return c.actors["seated"].ID // of one who is no user
		},
		"user": func(c *tenant, _, _ string) string {
			return storetest.User(c.t, c.db, c.actors["lead"], "Hired", "broker").ID
		},
		"channel":   func(c *tenant, _, _ string) string { return event.OrgChannel(c.org, event.Underwriting) },
		"colleague": func(c *tenant, _, _ string) string { return c.actors["hired"].ID },
		"outsider":  func(c *tenant, _, _ string) string { return c.actors["partner's colleague"].ID },
		"key": func(c *tenant, _, _ string) string {
			return c.field(c.done("admin", "POST", "/v1/api-keys", `{"name":"k","scopes":["policies:read"]}`), "id")
		},
		"file": func(c *tenant, who, _ string) string {
			return c.field(c.done("lead", "POST", c.room(who)+"/files", oneFile, formOf...), "id")
		},
		"annotation": func(c *tenant, who, _ string) string {
			return c.field(c.done("lead", "POST", c.room(who)+"/annotations", c.fill(who, annotated)), "id")
		},
		"invitation": func(c *tenant, who, _ string) string {
			c.invite(c.thing(who, "room"))
			return c.first("lead", c.room(who)+"/invitations")
		},
		"flag": func(*tenant, string, string) string { return flag.GuestInvitations },
		"npn":  freshNPN,
		"producer": func(c *tenant, who, _ string) string {
			return c.field(c.done("lead", "POST", "/v1/producers", `{"type":"agency","legalName":"Harbor","npn":"`+freshNPN(c, who, "")+`","email":"a@b.example"}`), "id")
		},
		"producer under review": func(c *tenant, who, _ string) string {
			return c.field(c.done("lead", "POST", "/v1/producers", `{"type":"individual","legalName":"Viktor Zelezny Morosenco","npn":"`+freshNPN(c, who, "")+`","email":"a@b.example"}`), "id")
		},
		"submission draft": func(c *tenant, _, _ string) string {
			return c.field(c.done("lead", "POST", "/v1/submissions/drafts", strings.Replace(goodSubmission, `,"externalId":"ext-1"`, "", 1)), "id")
		},
		"submission under review": func(c *tenant, _, _ string) string {
			return c.field(c.done("lead", "POST", "/v1/submissions", strings.NewReplacer(`,"externalId":"ext-1"`, "", "Pacific Coast Builders", likeInsured).Replace(goodSubmission)), "id")
		},
		"license": func(c *tenant, who, _ string) string {
			return c.field(c.done("lead", "POST", "/v1/producers/"+c.thing(who, "producer")+"/licenses", oregon), "id")
		},
		"appointment": func(c *tenant, who, _ string) string {
			return c.field(c.done("lead", "POST", "/v1/producers/"+c.thing(who, "producer")+"/appointments", `{"carrier":"Summit","state":"OR"}`), "id")
		},
		"guest link": func(c *tenant, _, _ string) string { return c.invite(c.lobby) },
		"webhook": func(c *tenant, _, _ string) string {
			return c.field(c.done("admin", "POST", "/v1/webhooks", goodWebhook), "id")
		},
		"event": func(c *tenant, who, _ string) string {
			c.thing(who, "submission")
			return c.first("admin", "/v1/events?limit=1")
		},
		"push token": func(c *tenant, _, of string) string {
			return c.field(c.done(of, "POST", "/v1/portal/push-tokens", c.phone()), "id")
		},
		"device": func(c *tenant, _, of string) string {
			return c.field(c.done(of, "POST", "/v1/me/devices", c.phone()), "id")
		},
		"address": func(c *tenant, _, _ string) string {
			c.number++
			return fmt.Sprintf("%s-%d@new.example", c.name, c.number)
		},
		"phone token":    func(c *tenant, _, _ string) string { c.number++; return fmt.Sprintf("%063x%d", c.number, len(c.name)) },
		"message":        say,
		"others message": say,
		"delivery": func(c *tenant, who, _ string) string {
			id := storetest.Value[[16]byte](c.t, c.db, `INSERT INTO delivery (org_id, kind, target, event_id, type, state, attempt, next_at, done_at, code, class)
			SELECT org_id, 'webhook', id, new_ulid(), 'policy.bound', 'failed', 1, now() + interval '1 hour', now(), 500, 'status' FROM endpoint WHERE id = $1 RETURNING id`,
				uuidOf[push.EndpointID](c.t, c.thing(who, "webhook")))
			return push.ID(id).String()
		},
		"notice":        func(c *tenant, _, of string) string { return c.tell(of) },
		"portal notice": func(c *tenant, _, of string) string { return c.tell(of) },
		"session": func(c *tenant, _, of string) string {
			id := storetest.Value[[16]byte](c.t, c.db, `INSERT INTO sign_in (id, org_id, person_id, device, family, current, asker, created_at, last_used_at, expires_at)
			SELECT u, org_id, id, 'phone', sha256(u::text::bytea), sha256(u::text::bytea), 'c', now(), now(), now() + interval '1 day'
			FROM person, new_ulid() u WHERE id = $1 RETURNING id`, *c.actors[of].UUID())
			return access.SignInID(id).String()
		},
		"browser": func(c *tenant, _, of string) string {
			id := storetest.Value[[16]byte](c.t, c.db, `INSERT INTO user_sign_in (id, org_id, user_id, hash, created_at, expires_at)
			SELECT u, org_id, id, sha256(u::text::bytea), now(), now() + interval '1 hour' FROM app_user, new_ulid() u WHERE id = $1 RETURNING id`, *c.actors[of].UUID())
			return access.SignInID(id).String()
		},
		"request": func(c *tenant, _, _ string) string {
			r := store.Request{ID: access.NewRequestID(time.Now()), Org: c.org, Actor: c.actors["lead"].ID, Method: "POST", Route: "/v1/submissions", Status: 201, At: time.Now()}
			if err := c.db.AddRequests(c.t.Context(), []store.Request{r}); err != nil {
				c.t.Fatal(err)
			}
			return r.ID.String()
		},
		"login": func(c *tenant, _, _ string) string {
			c.number++
			code := fmt.Sprintf("%s %d", c.name, c.number)
			var una access.UserID
			if err := una.UnmarshalText([]byte(c.actors["lead"].ID)); err != nil {
				c.t.Fatal(err)
			}
			err := c.db.InTx(c.t.Context(), c.actors["lead"], func(tx *store.Tx) error {
				return tx.AddLoginLink(c.t.Context(), code, una, time.Now().Add(time.Minute))
			})
			if err != nil {
				c.t.Fatal(err)
			}
			return code
		},
	}
}

// deciding makes a room with a referral that an underwriter has answered.
func deciding(thing, decision string) maker {
	return func(c *tenant, who, _ string) string {
		id := makers()["room"](c, who, "")
		c.things[thing] = moved(c, c.field(c.done("participant", "POST", "/v1/referrals", fmt.Sprintf(
			`{"entityType":"submission","entityId":%q,"dealRoomId":%q,"reason":"prior_losses","rationale":"Three losses."}`, c.things["room submission"], id)), "id"),
			"hired", "/decision", decision)
		return id
	}
}

// raised is a referral of a new submission by somebody.
func raised(c *tenant, who, by, about, more string) string {
	return c.field(c.done(by, "POST", "/v1/referrals", fmt.Sprintf(
		`{"entityType":"submission","entityId":%q,"reason":"prior_losses","rationale":"Three losses."%s}`, makers()[about](c, who, ""), more)), "id")
}

// moved is a referral that somebody has moved.
func moved(c *tenant, id, by, op, body string) string {
	c.done(by, "POST", "/v1/referrals/"+id+op, body)
	return id
}

const (
	oneFile   = "--x\r\nContent-Disposition: form-data; name=\"visibility\"\r\n\r\nshared\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n%PDF-1.7\nsome pages\r\n--x--\r\n"
	deskFile  = "--x\r\nContent-Disposition: form-data; name=\"visibility\"\r\n\r\ninternal\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n%PDF-1.7\nsome pages\r\n--x--\r\n"
	annotated = `{"fileId":"{file}","page":1,"x":0,"y":0,"width":1,"height":1,"body":"Why?"}`
)

var formOf = []string{"Content-Type", "multipart/form-data; boundary=x"}

func (c *tenant) room(who string) string { return "/v1/deal-rooms/" + c.thing(who, "room") }

func (c *tenant) phone() string { return phone(makers()["phone token"](c, "", ""), "ios") }

// say has somebody write in the room that a principal asks about.
func say(c *tenant, who, of string) string {
	if of == "" {
		of = author(who)
	}
	return c.field(c.done(of, "POST", c.room(who)+"/messages", `{"body":"Hello."}`), "id")
}

// tell puts a notice into somebody's inbox.
func (c *tenant) tell(who string) string {
	c.t.Helper()
	id := storetest.Value[[16]byte](c.t, c.db, `INSERT INTO notification (org_id, subject, event_id, type, category, about, link, words, expires_at)
		VALUES ($1, $2, new_ulid(), 'policy.bound', 'policies', 'pol_1', '/policies/pol_1', '{"en":{"title":"Bound","body":"Bound."}}', now()) RETURNING id`, c.actors[who].Org.UUID(), c.actors[who].ID)
	return push.NoticeID(id).String()
}

// invite invites somebody without an account into a room and answers his link.
func (c *tenant) invite(into string) string {
	c.t.Helper()
	c.number++
	r := struct{ room.Invitation }{}
	now := time.Now().UTC().Truncate(time.Microsecond)
	r.Invitation = room.Invitation{
		ID: room.NewInvitationID(now), Org: c.org, Email: fmt.Sprintf("gus%d@%s.example", c.number, c.name), Role: room.Broker, CanChat: true,
		State: room.Waiting, CreatedAt: now, ExpiresAt: now.Add(room.InvitationAge),
	}
	if err := r.Room.UnmarshalText([]byte(into)); err != nil {
		c.t.Fatal(err)
	}
	link := room.NewSecret()
	err := c.db.InTx(c.t.Context(), c.actors["lead"], func(tx *store.Tx) error {
		return tx.AddInvitation(c.t.Context(), c.actors["lead"], r.Invitation, link, room.NewCode(), push.InvitationNotice("Una", c.name, "Builders", "https://x/#"+string(link), "https://x", room.NewCode(), room.InvitationAge, r.ExpiresAt))
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return string(link)
}
