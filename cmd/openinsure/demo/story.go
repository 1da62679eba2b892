package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openinsure/openinsure/clients/live"
)

// A deal is what the story is about so far.
type deal struct {
	*player
	*cast
	una, ben     *session // in the room
	submission   string
	room         string
	quote        string
	referral     string
	policy       string
	policyNumber string
}

// story plays the deal, step by step. Its error is that it could not go on.
func (p *player) story(ctx context.Context) error {
	d := &deal{player: p, cast: p.cast}
	for _, step := range []func(context.Context) error{
		d.submit, d.openRoom, d.greet, d.reply, d.whisper, d.rate, d.refer, d.decideOwn, d.ask, d.answer, d.approve, d.bind, d.closeRoom,
	} {
		if err := step(ctx); err != nil {
			return err
		}
		if p.cfg.Pace > 0 {
			pause(ctx, p.cfg.Pace)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// tell waits until everybody heard who is to hear, and shows it meanwhile.
func (d *deal) tell(ctx context.Context, facts ...*Fact) { d.attend(ctx, 0, facts...) }

// attend is tell, and listens a while longer for who must not hear it.
func (d *deal) attend(ctx context.Context, longer time.Duration, facts ...*Fact) {
	d.facts = append(d.facts, facts...)
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	rows := d.screen.rows(facts)
	d.ledger.Wait(ctx, facts, rows.draw)
	if longer > 0 {
		d.ledger.Quiet(ctx, longer)
		receipts, _, _ := d.ledger.read()
		rows.draw(NewAccount(facts, receipts))
	}
	rows.done()
}

// submit is an integrator who sends an application.
func (d *deal) submit(ctx context.Context) error {
	d.screen.step("An application arrives by API; the insured left an address to reach him")
	asked := time.Now()
	var made struct {
		ID string `json:"id"`
	}
	err := d.integrator.post(ctx, "/v1/submissions", map[string]any{
		"insuredName": "Harbor View Roofing", "naicsCode": "236220", "annualRevenue": 3_000_000, "requestedLimit": 1_000_000,
		"effectiveDate": fmt.Sprintf("%d-05-01", asked.Year()+1), "state": "OR", "lineOfBusiness": "GL",
		"insured": map[string]string{"name": "Pat Policyholder", "email": patMail},
	}, &made)
	if err != nil {
		return err
	}
	d.submission = made.ID
	d.tell(ctx, &Fact{Type: "submission.created", Name: made.ID, Asked: asked, Listed: true, Heard: all(d.underwriting, just(d.hook))})
	return nil
}

// openRoom is the underwriter who opens a room and invites the broker.
func (d *deal) openRoom(ctx context.Context) error {
	d.screen.step("Una opens a deal room and invites Ben, who works for another company")
	asked := time.Now()
	var made struct {
		ID string `json:"id"`
	}
	err := d.cast.una.post(ctx, "/v1/deal-rooms", map[string]any{
		"submissionId": d.submission, "participants": []map[string]string{{"email": d.cast.ben.Email, "role": "broker"}},
	}, &made)
	if err != nil {
		return err
	}
	d.room = made.ID
	heard := all(d.underwriting, just(d.hook))
	d.tell(ctx,
		&Fact{Type: "deal_room.created", Name: made.ID, Asked: asked, Listed: true, Heard: all(heard, just(d.benLive, d.benInbox, d.benPhone, d.benMail))},
		&Fact{Type: "deal_room.participant_added", Name: d.cast.una.ID, Note: "Una", Asked: asked, Listed: true, Heard: heard},
		&Fact{Type: "deal_room.participant_added", Name: d.cast.ben.ID, Note: "Ben", Asked: asked, Listed: true, Heard: heard},
	)
	d.una, d.ben, err = d.enter(ctx, d.room)
	return err
}

// say posts on somebody's socket.
func (d *deal) say(ctx context.Context, s *session, m live.Message) (id string, asked time.Time, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, errors.New("the post was not answered in time"))
	defer cancel()
	asked = time.Now()
	posted, err := s.client.Post(ctx, m)
	if err == nil && posted.Duplicate {
		err = errors.New("a new message is said to be an old one")
	}
	if err != nil {
		return "", asked, fmt.Errorf("%s: post: %w", s.who, err)
	}
	return posted.MessageID, asked, nil
}

// posted is a message that everybody in the room hears.
func (d *deal) posted(id string, asked time.Time, more ...*Ear) *Fact {
	return &Fact{Type: "deal_room.message_posted", Name: id, Asked: asked, Listed: true, Heard: all(d.cast.room, just(d.hook), more)}
}

func (d *deal) greet(ctx context.Context) error {
	const text = "Morning Ben. Happy to look at Harbor View. Loss runs?"
	d.screen.step("Una, on %s: “%s”", d.servers.node(0), text)
	id, asked, err := d.say(ctx, d.una, live.Message{Channel: "room:" + d.room, Body: text})
	if err != nil {
		return err
	}
	d.tell(ctx, d.posted(id, asked))
	return nil
}

func (d *deal) reply(ctx context.Context) error {
	const text = "@Una five years clean but for two water claims, both closed."
	d.screen.step("Ben, on %s: “%s”", d.servers.node(-1), text)
	id, asked, err := d.say(ctx, d.ben, live.Message{Channel: "room:" + d.room, Body: text, Mentions: []string{d.cast.una.ID}})
	if err != nil {
		return err
	}
	d.tell(ctx, d.posted(id, asked, d.unaInbox))
	return nil
}

// whisperTime is how long the demo listens for who overhears a desk.
const whisperTime = 300 * time.Millisecond

// whisper is what each company says among itself.
func (d *deal) whisper(ctx context.Context) error {
	d.screen.step("Each company talks at its own desk; the other one, and the webhook, must hear nothing of it")
	ours, first, err := d.say(ctx, d.una, live.Message{Channel: "desk:" + d.room + ":" + d.cast.una.Org, Body: "I would go to 12,000 if we must."})
	if err != nil {
		return err
	}
	theirs, second, err := d.say(ctx, d.ben, live.Message{Channel: "desk:" + d.room + ":" + d.cast.ben.Org, Body: "Client pays up to 16,000."})
	if err != nil {
		return err
	}
	d.attend(ctx, whisperTime,
		&Fact{Type: "deal_room.message_posted", Name: ours, Note: "Summit", Asked: first, Heard: d.desk},
		&Fact{Type: "deal_room.message_posted", Name: theirs, Note: "Harbor", Asked: second, Heard: d.benDesk},
	)
	return nil
}

// card is what the room shows of a fact.
func (d *deal) card(kind, name string, asked time.Time) *Fact {
	return &Fact{Type: card, Name: cardName(kind, name), Note: "its card", Asked: asked, Heard: d.cast.room}
}

func (d *deal) rate(ctx context.Context) error {
	d.screen.step("The integrator asks for a quote; in the room a card shows what both companies may know")
	asked := time.Now()
	var made struct {
		ID      string  `json:"id"`
		Premium float64 `json:"grossPremium"`
	}
	if err := d.integrator.post(ctx, "/v1/submissions/"+d.submission+"/quote", struct{}{}, &made); err != nil {
		return err
	}
	d.quote = made.ID
	d.tell(ctx,
		&Fact{
			Type: "submission.quoted", Name: made.ID, Note: fmt.Sprintf("$%.0f", made.Premium), Asked: asked, Listed: true,
			Heard: all(d.underwriting, just(d.hook, d.benInbox, d.benPhone, d.benMail)),
		},
		d.card("submission.quoted", made.ID, asked),
	)
	return nil
}

func (d *deal) refer(ctx context.Context) error {
	d.screen.step("Una refers the quote: two water claims are above what she may decide")
	asked := time.Now()
	var made struct {
		ID string `json:"id"`
	}
	err := d.cast.una.post(ctx, "/v1/referrals", map[string]string{
		"entityType": "quote", "entityId": d.quote, "reason": "prior_losses", "rationale": "Two water damage losses in five years.", "dealRoomId": d.room,
	}, &made)
	if err != nil {
		return err
	}
	d.referral = made.ID
	d.tell(ctx,
		&Fact{Type: "referral.created", Name: made.ID, Asked: asked, Listed: true, Heard: all(d.underwriting, just(d.hook))},
		d.card("referral.created", made.ID, asked),
	)
	return nil
}

// decideOwn is what a licence forbids.
func (d *deal) decideOwn(ctx context.Context) error {
	d.screen.step("Una tries to approve it herself")
	_, err := d.cast.una.call(ctx, http.MethodPost, d.decision(), map[string]string{"decision": "approve", "rationale": "It is fine."}, nil)
	no, ok := errors.AsType[*refusal](err)
	switch {
	case err == nil:
		d.ledger.Trouble("Una decided her own referral")
	case !ok || no.Code != "own_referral":
		return err
	default:
		d.screen.note("refused, as it must be: %d %s", no.Status, no.Code)
	}
	return nil
}

func (d *deal) decision() string { return "/v1/referrals/" + d.referral + "/decision" }

func (d *deal) ask(ctx context.Context) error {
	d.screen.step("Ada, the chief underwriter, wants to know more first")
	asked := time.Now()
	err := d.ada.post(ctx, d.decision(), map[string]any{
		"decision": "request_more_info", "rationale": "The loss runs are a year old.", "questions": []string{"Was the roof repaired since?"},
	}, nil)
	if err != nil {
		return err
	}
	d.tell(ctx,
		&Fact{
			Type: "referral.info_requested", Name: d.referral, Asked: asked, Listed: true,
			Heard: all(d.underwriting, just(d.hook, d.unaLive, d.unaInbox, d.unaMail)),
		},
		d.card("referral.info_requested", d.referral, asked),
	)
	return nil
}

// answer is the broker who answers, over REST this time: in words, and in the
// deal, since nothing is decided before.
func (d *deal) answer(ctx context.Context) error {
	const text = "Yes, in March. The invoice is on its way to you."
	d.screen.step("Ben, over REST on %s: “%s”", d.servers.node(-1), text)
	asked := time.Now()
	var made struct {
		ID string `json:"id"`
	}
	if err := d.cast.ben.post(ctx, "/v1/deal-rooms/"+d.room+"/messages", map[string]string{"body": text}, &made); err != nil {
		return err
	}
	d.tell(ctx, d.posted(made.ID, asked))
	asked = time.Now()
	err := d.cast.ben.post(ctx, "/v1/deal-rooms/"+d.room+"/referrals/"+d.referral+"/respond", map[string]any{
		"answers": []map[string]any{{"question": 1, "text": text}},
	}, nil)
	if err != nil {
		return err
	}
	d.tell(ctx,
		&Fact{Type: "referral.answered", Name: d.referral, Asked: asked, Listed: true, Heard: all(d.underwriting, just(d.hook))},
		d.card("referral.answered", d.referral, asked),
	)
	return nil
}

func (d *deal) approve(ctx context.Context) error {
	d.screen.step("Ada approves, with a condition for the year after")
	asked := time.Now()
	err := d.ada.post(ctx, d.decision(), map[string]any{
		"decision": "approve", "rationale": "Inside appetite once the roof is done.",
		"conditions": []map[string]string{{"kind": "post_bind", "action": "Send the roof inspection report.", "responsibleParty": "The insured"}},
	}, nil)
	if err != nil {
		return err
	}
	d.tell(ctx,
		&Fact{
			Type: "referral.decided", Name: d.referral, Note: "approved", Asked: asked, Listed: true,
			Heard: all(d.underwriting, just(d.hook, d.unaLive, d.unaInbox, d.unaMail)),
		},
		d.card("referral.decided", d.referral, asked),
	)
	return nil
}

// bind makes the policy, and asks twice for it: the integrator's network broke.
func (d *deal) bind(ctx context.Context) error {
	d.screen.step("The integrator binds; its connection breaks and it asks again under the same Idempotency-Key")
	key := "demo-" + strings.ToLower(d.submission)
	asked := time.Now()
	var made, again struct {
		ID     string `json:"id"`
		Number string `json:"policyNumber"`
	}
	path, order := "/v1/submissions/"+d.submission+"/bind", map[string]string{"installmentPlan": "QUARTERLY"}
	if _, err := d.integrator.call(ctx, http.MethodPost, path, order, &made, "Idempotency-Key", key); err != nil {
		return err
	}
	header, err := d.integrator.call(ctx, http.MethodPost, path, order, &again, "Idempotency-Key", key)
	if err != nil {
		return err
	}
	if made.ID != again.ID || header.Get("Idempotent-Replayed") != "true" {
		d.ledger.Trouble(fmt.Sprintf("one bind, asked for twice, made %s and %s", made.Number, again.Number))
	}
	d.policy, d.policyNumber = made.ID, made.Number
	invoices, err := d.invoices(ctx)
	if err != nil {
		return err
	}
	facts := []*Fact{
		{
			Type: "policy.bound", Name: made.ID, Note: made.Number, Asked: asked, Listed: true,
			Heard: all(d.underwriting, d.finance, just(d.hook, d.benLive, d.benInbox, d.benMail, d.patLive, d.patInbox, d.patIPhone, d.patAndroid, d.patML)),
		},
		d.card("policy.bound", made.ID, asked),
	}
	for _, i := range invoices {
		f := &Fact{
			Type: "invoice.created", Name: i.ID, Note: fmt.Sprintf("%d, $%.2f", i.Number, i.Amount), Asked: asked, Listed: true,
			Heard: all(d.finance, just(d.hook, d.patLive, d.patInbox)),
		}
		if i.Number == 1 { // the others ring nowhere: they are not due yet
			f.Heard = all(f.Heard, just(d.patIPhone, d.patAndroid, d.patML))
		}
		facts = append(facts, f)
	}
	d.tell(ctx, facts...)
	return nil
}

type invoice struct {
	ID     string  `json:"id"`
	Number int     `json:"number"`
	Amount float64 `json:"amount"`
}

// invoices are those of the policy, the first first.
func (d *deal) invoices(ctx context.Context) ([]invoice, error) {
	var list struct {
		Data []invoice `json:"data"`
	}
	err := d.integrator.get(ctx, "/v1/invoices?limit=100&policyId="+url.QueryEscape(d.policy), &list)
	if err == nil && len(list.Data) != 4 {
		err = fmt.Errorf("a quarterly plan made %d invoices", len(list.Data))
	}
	sorted := make([]invoice, len(list.Data))
	for _, i := range list.Data {
		if i.Number < 1 || i.Number > len(sorted) {
			return nil, fmt.Errorf("an invoice has number %d", i.Number)
		}
		sorted[i.Number-1] = i
	}
	return sorted, err
}

func (d *deal) closeRoom(ctx context.Context) error {
	d.screen.step("Una closes the room")
	asked := time.Now()
	_, err := d.cast.una.call(ctx, http.MethodPatch, "/v1/deal-rooms/"+d.room, map[string]string{"status": "closed", "reason": "Bound as " + d.policyNumber + "."}, nil)
	if err != nil {
		return err
	}
	d.tell(ctx, &Fact{
		Type: "deal_room.closed", Name: d.room, Asked: asked, Listed: true,
		Heard: all(d.underwriting, d.cast.room, just(d.hook, d.benLive, d.benInbox)),
	})
	return nil
}
