package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A person is somebody who signed in.
type person struct {
	caller
	ID    string `json:"id"`
	Org   string `json:"orgId"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

func (p person) channel() string { return "person:" + p.ID }

// cast are those who take part, and the ears they have.
type cast struct {
	una, ada, ben, pat person
	integrator         caller
	keyID, webhookID   string

	// What is said to an organisation's people and keys.
	underwriting, finance []*Ear
	// What is said in the room, and at the desks of its two companies.
	room, desk, benDesk []*Ear

	hook                                            *Ear // nil: not to be reached
	unaOrg, unaRoom, unaDesk                        *Ear
	unaLive, unaInbox, unaMail                      *Ear
	witnesses                                       []witness // one at each node
	streamUnderwriting, streamFinance               *Ear
	benRoom, benLive, benInbox, benPhone, benMail   *Ear
	patLive, patInbox, patIPhone, patAndroid, patML *Ear
}

// A witness is Ada, silent, at one node.
type witness struct {
	underwriting, finance, room, desk *Ear
}

// patMail is where the demo's policyholder reads mail.
const patMail = "pat@policyholder.example"

// scopes are what the integrator's key may do.
var scopes = []string{
	"submissions:write", "policies:write", "invoices:read", "claims:read", "rooms:write", "referrals:write", "events:read", "webhooks:write",
	"da-agreements:read", "documents:read", "compliance:read",
}

// engage signs everybody in, registers endpoint and phones, and opens the
// connections that are not a room's.
func (p *player) engage(ctx context.Context, hook *Ear) (*cast, error) {
	c := &cast{}
	first, last := p.servers.urls[0], p.servers.urls[len(p.servers.urls)-1]
	for _, who := range []struct {
		to       *person
		as, base string
	}{{&c.una, "underwriter", first}, {&c.ada, "admin", first}, {&c.ben, "broker", last}, {&c.pat, "insured", last}} {
		if err := p.signIn(ctx, who.to, who.as, who.base); err != nil {
			return nil, fmt.Errorf("sign in as %s: %w", who.as, err)
		}
	}
	if err := p.makeKey(ctx, c, first); err != nil {
		return nil, err
	}
	if err := p.register(ctx, c, hook); err != nil {
		return nil, err
	}
	if p.outside.apns != nil {
		if err := p.registerPhones(ctx, c); err != nil {
			return nil, err
		}
	}
	c.nameEars(len(p.servers.urls))
	return c, p.connect(ctx, c)
}

func (p *player) signIn(ctx context.Context, to *person, as, base string) error {
	var given struct {
		Token string `json:"token"`
	}
	to.base = base
	if err := to.post(ctx, "/auth/demo", map[string]string{"secret": p.servers.secret, "as": as}, &given); err != nil {
		return err
	}
	to.token = given.Token
	return to.get(ctx, "/v1/me", to)
}

func (p *player) makeKey(ctx context.Context, c *cast, base string) error {
	var made struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	if err := c.ada.post(ctx, "/v1/api-keys", map[string]any{"name": "Demo", "scopes": scopes}, &made); err != nil {
		return fmt.Errorf("make an API key: %w", err)
	}
	c.integrator, c.keyID = caller{base, made.Key}, made.ID
	p.later(func(ctx context.Context) error {
		_, err := c.ada.call(ctx, http.MethodDelete, "/v1/api-keys/"+made.ID, nil, nil)
		return err
	})
	return nil
}

// register creates the integrator's endpoint, and one of the other company.
func (p *player) register(ctx context.Context, c *cast, hook *Ear) error {
	system := caller{c.integrator.base, p.servers.secret}
	id, secret, err := p.endpoint(ctx, c.integrator, "", p.outside.receiver.URL())
	if no, ok := errors.AsType[*refusal](err); ok && no.Status == http.StatusBadRequest && !p.servers.own() {
		p.screen.say("not here", "webhooks: the server may not reach a receiver on this machine (%s)", no.Message)
		return nil
	}
	if err != nil {
		return fmt.Errorf("register a webhook endpoint: %w", err)
	}
	p.outside.receiver.SetSecret(secret)
	c.hook, c.webhookID = hook, id
	if _, secret, err = p.endpoint(ctx, system, "?orgId="+c.ben.Org, p.outside.silent.URL()); err != nil {
		return fmt.Errorf("register a webhook endpoint of the other company: %w", err)
	}
	p.outside.silent.SetSecret(secret)
	return nil
}

// endpoint creates an endpoint that wants everything.
func (p *player) endpoint(ctx context.Context, by caller, query, url string) (id, secret string, err error) {
	var made struct {
		ID     string `json:"id"`
		Secret string `json:"secret"`
	}
	err = by.post(ctx, "/v1/webhooks"+query, map[string]any{"url": url + "/openinsure", "events": []string{"*"}, "description": "Demo"}, &made)
	if err != nil {
		return "", "", err
	}
	p.later(func(ctx context.Context) error {
		_, err := by.call(ctx, http.MethodDelete, "/v1/webhooks/"+made.ID+query, nil, nil)
		return err
	})
	return made.ID, made.Secret, nil
}

// registerPhones signs three phones in, and tells which mailbox is whose.
func (p *player) registerPhones(ctx context.Context, c *cast) error {
	c.benPhone, c.benMail = &Ear{"Ben's phone", Android, true}, &Ear{"Ben's mailbox", Mail, false}
	c.patIPhone, c.patAndroid = &Ear{"Pat's iPhone", IPhone, true}, &Ear{"Pat's Android phone", Android, false}
	c.patML, c.unaMail = &Ear{"Pat's mailbox", Mail, false}, &Ear{"Una's mailbox", Mail, true}
	p.outside.mailboxes = map[string]*Ear{
		strings.ToLower(c.una.Email): c.unaMail, strings.ToLower(c.ben.Email): c.benMail, patMail: c.patML,
	}
	for _, phone := range []struct {
		ear             *Ear
		of              caller
		path            string
		platform, token string
	}{
		{c.patIPhone, c.pat.caller, "/v1/portal/push-tokens", "ios", strings.Repeat("5a", 32)},
		{c.patAndroid, c.pat.caller, "/v1/portal/push-tokens", "android", "pat-" + strings.Repeat("p", 130)},
		{c.benPhone, c.ben.caller, "/v1/me/devices", "android", "ben-" + strings.Repeat("b", 130)},
	} {
		p.outside.phones[phone.token] = phone.ear
		err := phone.of.post(ctx, phone.path, map[string]string{"platform": phone.platform, "token": phone.token, "locale": "en-US"}, nil)
		if err != nil {
			return fmt.Errorf("register %s: %w", phone.ear.Name, err)
		}
	}
	return nil
}

func (c *cast) nameEars(nodes int) {
	on := func(name string) *Ear { return &Ear{Name: name, Way: Socket} }
	of := func(name string, w Way) *Ear { return &Ear{Name: name, Way: w} }
	c.unaOrg, c.unaRoom, c.unaDesk = on("Una's underwriting channel"), on("Una's room channel"), on("Una's desk channel")
	c.unaLive, c.unaInbox = on("Una's own channel"), of("Una's inbox", Inbox)
	c.streamUnderwriting, c.streamFinance = of("the integrator's underwriting stream", Stream), of("the integrator's finance stream", Stream)
	c.benRoom, c.benLive, c.benInbox = on("Ben's room channel"), on("Ben's own channel"), of("Ben's inbox", Inbox)
	c.benDesk = []*Ear{on("Ben's desk channel")}
	c.patLive, c.patInbox = on("Pat's own channel"), of("Pat's inbox", Inbox)
	c.underwriting, c.finance = []*Ear{c.unaOrg, c.streamUnderwriting}, []*Ear{c.streamFinance}
	c.room, c.desk = []*Ear{c.unaRoom, c.benRoom}, []*Ear{c.unaDesk}
	for i := range nodes {
		at := fmt.Sprintf("Ada's %%s at node %d", i+1)
		w := witness{on(fmt.Sprintf(at, "underwriting channel")), on(fmt.Sprintf(at, "finance channel")), on(fmt.Sprintf(at, "room channel")), on(fmt.Sprintf(at, "desk channel"))}
		c.witnesses = append(c.witnesses, w)
		c.underwriting, c.finance = append(c.underwriting, w.underwriting), append(c.finance, w.finance)
		c.room, c.desk = append(c.room, w.room), append(c.desk, w.desk)
	}
}

// connect opens the connections that are not a room's.
func (p *player) connect(ctx context.Context, c *cast) error {
	underwriting, finance := "org:"+c.una.Org+":underwriting", "org:"+c.una.Org+":finance"
	_, err := p.listen(ctx, "Una", c.una.caller, "", ears{
		underwriting: c.unaOrg, c.una.channel(): c.unaLive, inboxOf(c.una.channel()): c.unaInbox,
	})
	if err != nil {
		return err
	}
	if _, err := p.listen(ctx, "Ben", c.ben.caller, "", ears{c.ben.channel(): c.benLive, inboxOf(c.ben.channel()): c.benInbox}); err != nil {
		return err
	}
	if _, err := p.listen(ctx, "Pat", c.pat.caller, "", ears{c.pat.channel(): c.patLive, inboxOf(c.pat.channel()): c.patInbox}); err != nil {
		return err
	}
	for i, w := range c.witnesses {
		by := c.ada.caller
		by.base = p.servers.urls[i]
		if err := p.watch(ctx, fmt.Sprintf("Ada at node %d", i+1), by, "", ears{underwriting: w.underwriting, finance: w.finance}); err != nil {
			return err
		}
	}
	last := c.integrator
	last.base = p.servers.urls[len(p.servers.urls)-1]
	if err := p.follow(ctx, "the integrator", last, underwriting, c.streamUnderwriting); err != nil {
		return err
	}
	return p.follow(ctx, "the integrator", last, finance, c.streamFinance)
}

// enter opens the connections of the room: Una's and Ben's, and a witness at
// each node.
func (p *player) enter(ctx context.Context, room string) (una, ben *session, err error) {
	c := p.cast
	shared, desk := "room:"+room, "desk:"+room+":"+c.una.Org
	if una, err = p.listen(ctx, "Una in the room", c.una.caller, room, ears{shared: c.unaRoom, desk: c.unaDesk}); err != nil {
		return nil, nil, err
	}
	if ben, err = p.listen(ctx, "Ben in the room", c.ben.caller, room, ears{shared: c.benRoom, "desk:" + room + ":" + c.ben.Org: c.benDesk[0]}); err != nil {
		return nil, nil, err
	}
	for i, w := range c.witnesses {
		by := c.ada.caller
		by.base = p.servers.urls[i]
		if err := p.watch(ctx, fmt.Sprintf("Ada in the room at node %d", i+1), by, room, ears{shared: w.room, desk: w.desk}); err != nil {
			return nil, nil, err
		}
	}
	return una, ben, nil
}

// all joins ears, leaving out those that are not there.
func all(groups ...[]*Ear) []*Ear {
	return slices.DeleteFunc(slices.Concat(groups...), func(e *Ear) bool { return e == nil })
}

// just is some ears as a group.
func just(es ...*Ear) []*Ear { return es }
