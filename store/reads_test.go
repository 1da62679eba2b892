package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/carrier"
	"github.com/openinsure/openinsure/internal/insurance/delegated"
	"github.com/openinsure/openinsure/internal/insurance/policy"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/rating"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

// reads asks for what they have by its id: found when they are me.
func reads(t *testing.T, r store.Reader, me, they book) {
	t.Helper()
	ctx := t.Context()
	for name, read := range map[string]func() error{
		"Submission": func() error { _, err := r.Submission(ctx, they.sub.ID); return err },
		"Draft":      func() error { _, err := r.Draft(ctx, they.draft.ID); return err },
		"Quote":      func() error { _, err := r.Quote(ctx, they.quote.ID); return err },
		"Policy":     func() error { _, err := r.Policy(ctx, they.policy.ID); return err },
		"Invoice":    func() error { _, err := r.Invoice(ctx, they.invoice.ID); return err },
		"Referral":   func() error { _, err := r.Referral(ctx, they.asked.ID); return err },
		"Profile":    func() error { _, err := r.Profile(ctx, they.profile); return err },
		"Grants": func() error {
			gs, err := r.Grants(ctx, they.by.ID, time.Now())
			return found(len(gs) > 0, err)
		},
		"Assignments": func() error {
			as, err := r.Assignments(ctx, must[access.UserID](t)(parseUser(they.by.ID)), true, store.Page{Limit: 100})
			return found(len(as) > 0, err)
		},
		"Event":    func() error { _, err := r.Event(ctx, they.event, everything); return err },
		"User":     func() error { _, err := r.User(ctx, they.user); return err },
		"Key":      func() error { _, err := r.Key(ctx, they.key); return err },
		"Request":  func() error { _, _, err := r.Request(ctx, they.request, ""); return err },
		"Room":     func() error { _, err := r.Room(ctx, they.room.ID); return err },
		"Glance":   func() error { _, err := r.Glance(ctx, me.by, they.room.ID); return err },
		"Endpoint": func() error { _, err := r.Endpoint(ctx, they.endpoint); return err },
		"Delivery": func() error { _, err := r.Delivery(ctx, they.endpoint, they.owed.ID); return err },
		"Deliveries": func() error {
			ds, err := r.Deliveries(ctx, they.endpoint, store.DeliveryFilter{}, store.Page{Limit: 100})
			return found(len(ds) > 0, err)
		},
		"Attempts": func() error {
			as, err := r.Attempts(ctx, they.owed)
			return found(len(as) > 0, err)
		},
		"Devices": func() error {
			ds, err := r.Devices(ctx, they.by.ID, store.Page{Limit: 100})
			return found(len(ds) > 0, err)
		},
		"Notifications": func() error {
			ns, err := r.Notifications(ctx, they.by.ID, store.NotificationFilter{}, store.Page{Limit: 100})
			return found(len(ns) > 0, err)
		},
		"Unread": func() error {
			n, err := r.Unread(ctx, they.by.ID)
			return found(n > 0, err)
		},
		"Preferences": func() error {
			p, err := r.Preferences(ctx, they.by.ID)
			return found(p.Version > 0, err)
		},
		"SignIns": func() error {
			ss, err := r.SignIns(ctx, they.person, time.Now(), store.Page{Limit: 100})
			return found(len(ss) > 0, err)
		},
		"UserSignIns": func() error {
			ss, err := r.UserSignIns(ctx, they.user, time.Now(), store.Page{Limit: 100})
			return found(len(ss) > 0, err)
		},
		"RoomOf": func() error {
			_, ok, err := r.RoomOf(ctx, they.sub.ID)
			return found(ok, err)
		},
		"Participants": func() error {
			ps, err := r.Participants(ctx, they.room.ID)
			return found(len(ps) > 0, err)
		},
		"Participant": func() error {
			_, ok, err := r.Participant(ctx, they.room.ID, must[access.UserID](t)(parseUser(they.by.ID)))
			return found(ok, err)
		},
		"Invitations": func() error {
			vs, err := r.Invitations(ctx, they.room.ID, store.Page{Limit: 100})
			return found(len(vs) > 0, err)
		},
		"SharedHead": func() error {
			head, err := r.SharedHead(ctx, they.room.ID)
			return found(head > 0, err)
		},
		"Entries of a room": func() error {
			ch, err := r.Entries(ctx, room.Shared(they.room.ID, they.by.Org).Name, 0, 100)
			return found(ch.Head > 0 || len(ch.Entries) > 0, err)
		},
		"Relationships of a room": func() error {
			ts, err := r.Relationships(ctx, access.Subject{Type: "user", ID: *they.by.UUID()}, they.room.Object())
			return found(len(ts[they.room.Object().Node()]) > 0, err)
		},
		"LatestQuote": func() error {
			_, ok, err := r.LatestQuote(ctx, they.sub.ID)
			return found(ok, err)
		},
		"Insureds": func() error {
			hs, err := r.Insureds(ctx, they.policy.ID)
			return found(len(hs) > 0, err)
		},
		"Timeline": func() error {
			ts, err := r.Timeline(ctx, they.policy.ID)
			return found(len(ts) > 0, err)
		},
		"Entries": func() error {
			ch, err := r.Entries(ctx, event.OrgChannel(they.by.Org, event.Finance), 0, 100)
			return found(ch.Head > 0 || len(ch.Entries) > 0, err)
		},
		"Relationships": func() error {
			ts, err := r.Relationships(ctx, access.Subject{Type: "user", ID: they.user.UUID()}, access.OrgObject(they.by.Org))
			return found(len(ts[access.OrgObject(they.by.Org).Node()]) > 0, err)
		},
		"Invoices of a policy": func() error {
			is, err := r.Invoices(ctx, access.Scope{All: true}, store.InvoiceFilter{Policy: they.policy.ID}, store.Page{Limit: 100})
			return found(len(is) > 0, err)
		},
		"Referrals of an entity": func() error {
			rs, err := r.Referrals(ctx, access.Scope{All: true}, store.ReferralFilter{Entity: they.asked.Entity}, store.Page{Limit: 100})
			return found(len(rs) > 0, err)
		},
		"ProgramByID":   func() error { _, err := r.ProgramByID(ctx, they.program.ID); return err },
		"RateTableByID": func() error { _, err := r.RateTableByID(ctx, they.rates); return err },
		"Quotes": func() error {
			qs, err := r.Quotes(ctx, they.sub.ID, store.Page{Limit: 100})
			return found(len(qs) > 0, err)
		},
		"Accepted": func() error {
			id, err := r.Accepted(ctx, they.sub.ID)
			return found(!id.IsZero(), err)
		},
		"RateTables of a program": func() error {
			ts, err := r.RateTables(ctx, store.RateTableFilter{Program: they.program.ID}, store.Page{Limit: 100})
			return found(len(ts) > 0, err)
		},
		"RateTablesFrom": func() error {
			ts, err := r.RateTablesFrom(ctx, they.program.ID, they.policy.Effective)
			return found(len(ts) > 0, err)
		},
		"Carrier":   func() error { _, err := r.Carrier(ctx, they.agreement.Carrier); return err },
		"Agreement": func() error { _, err := r.Agreement(ctx, they.agreement.ID); return err },
		"Bordereau": func() error { _, err := r.Bordereau(ctx, they.bordereau); return err },
		"Agreements of a program": func() error {
			as, err := r.Agreements(ctx, store.AgreementFilter{Program: they.program.ID}, store.Page{Limit: 100})
			return found(len(as) > 0, err)
		},
		"BordereauRows": func() error {
			rows, err := r.BordereauRows(ctx, they.bordereau, store.Page{Limit: 100})
			return found(len(rows) > 0, err)
		},
		"Covering": func() error {
			c, err := r.Covering(ctx, they.program.ID, they.agreement.Effective)
			return found(c.Is && c.Carrier.ID == they.agreement.Carrier, err)
		},
		"Counted": func() error {
			cs, _, err := r.Counted(ctx, demand(they))
			return found(len(cs) == 3 && cs[1].Used > 0, err)
		},
		"Counted, what is reserved": func() error {
			_, h, err := r.Counted(ctx, demand(they))
			return found(h.Annual > 0, err)
		},
		"Counted, policies of an insured": func() error {
			_, h, err := r.Counted(ctx, demand(they))
			return found(h.Policies == 2, err)
		},
		"Used": func() error {
			s, err := r.Used(ctx, they.agreement.ID, time.Now().Add(time.Hour))
			return found(len(s) > 0, err)
		},
		"Reserved": func() error {
			s, err := r.Reserved(ctx, they.agreement.ID, time.Now())
			return found(len(s) > 0, err)
		},
		"LeastPremium": func() error {
			least, err := r.LeastPremium(ctx, they.program.ID, 1, "OR")
			return found(least > 0, err)
		},
		"RateTable": func() error {
			_, err := r.RateTable(ctx, they.program.ID, they.policy.Effective)
			if errors.Is(err, rating.ErrNoRate) {
				return fault.ErrNotFound
			}
			return err
		},
	} {
		err := read()
		if me.by.Org == they.by.Org && err != nil || me.by.Org != they.by.Org && !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func found(ok bool, err error) error {
	if err == nil && !ok {
		return fault.ErrNotFound
	}
	return err
}

// lists checks that every list has something and nothing foreign.
func lists(t *testing.T, r store.Reader, me book) {
	t.Helper()
	ctx, all, page := t.Context(), access.Scope{All: true}, store.Page{Limit: 100}
	orgs := map[string][]access.OrgID{}
	for _, v := range must[[]submission.Submission](t)(r.Submissions(ctx, all, store.SubmissionFilter{}, page)) {
		orgs["Submissions"] = append(orgs["Submissions"], v.Org)
	}
	for _, v := range must[[]submission.Submission](t)(r.Drafts(ctx, "", store.SubmissionFilter{}, page)) {
		orgs["Drafts"] = append(orgs["Drafts"], v.Org)
	}
	for _, v := range must[[]policy.Policy](t)(r.Policies(ctx, all, store.PolicyFilter{}, page)) {
		orgs["Policies"] = append(orgs["Policies"], v.Org)
	}
	// Both organisations have a policy of this number.
	for _, v := range must[[]policy.Policy](t)(r.Policies(ctx, all, store.PolicyFilter{Number: "GL-2026-000001"}, page)) {
		orgs["Policies by number"] = append(orgs["Policies by number"], v.Org)
	}
	for _, v := range must[[]billing.Invoice](t)(r.Invoices(ctx, all, store.InvoiceFilter{}, page)) {
		orgs["Invoices"] = append(orgs["Invoices"], v.Org)
	}
	for _, v := range must[[]referral.Referral](t)(r.Referrals(ctx, all, store.ReferralFilter{Status: "open"}, page)) {
		orgs["Referrals"] = append(orgs["Referrals"], v.Org)
	}
	for _, v := range must[[]authority.Profile](t)(r.Profiles(ctx, true, page)) {
		orgs["Profiles"] = append(orgs["Profiles"], v.Org)
	}
	for _, v := range must[[]authority.Delegation](t)(r.Delegations(ctx, true, time.Now(), page)) {
		orgs["Delegations"] = append(orgs["Delegations"], v.Org)
	}
	for _, v := range must[[]authority.Grant](t)(r.Holders(ctx)) {
		orgs["Holders"] = append(orgs["Holders"], v.Profile.Org)
	}
	for _, v := range must[[]referral.Task](t)(r.Tasks(ctx, "", page)) {
		orgs["Tasks"] = append(orgs["Tasks"], v.Org)
	}
	for _, v := range must[[]quote.Program](t)(r.Programs(ctx, "", page)) {
		orgs["Programs"] = append(orgs["Programs"], v.Org)
	}
	for _, v := range must[[]quote.RateTable](t)(r.RateTables(ctx, store.RateTableFilter{Status: "published"}, page)) {
		orgs["RateTables"] = append(orgs["RateTables"], v.Org)
	}
	for _, v := range must[[]carrier.Carrier](t)(r.Carriers(ctx, store.CarrierFilter{Status: "active"}, page)) {
		orgs["Carriers"] = append(orgs["Carriers"], v.Org)
	}
	for _, v := range must[[]delegated.Agreement](t)(r.Agreements(ctx, store.AgreementFilter{Status: delegated.Active, Today: me.policy.Effective}, page)) {
		orgs["Agreements"] = append(orgs["Agreements"], v.Org)
	}
	for _, v := range must[[]delegated.Bordereau](t)(r.Bordereaux(ctx, store.BordereauFilter{}, page)) {
		orgs["Bordereaux"] = append(orgs["Bordereaux"], v.Org)
	}
	for _, v := range must[[]store.User](t)(r.Users(ctx, access.Scope{All: true}, page)) {
		orgs["Users"] = append(orgs["Users"], v.Org)
	}
	for _, v := range must[[]store.Key](t)(r.Keys(ctx, access.Scope{All: true}, time.Now(), page)) {
		orgs["Keys"] = append(orgs["Keys"], v.Org)
	}
	for _, v := range must[[]store.Told](t)(r.Events(ctx, "", everything, page)) {
		e, err := r.Event(ctx, v.ID, everything)
		if err != nil || string(e.Payload) != string(v.Payload) {
			t.Errorf("event %s: %v", v.ID, err)
		}
		orgs["Events"] = append(orgs["Events"], me.by.Org)
	}
	for _, v := range must[[]store.Glance](t)(r.Glances(ctx, me.by, access.Scope{All: true}, store.RoomFilter{Status: room.Active}, page)) {
		orgs["Glances"] = append(orgs["Glances"], v.Org)
	}
	for _, v := range must[[]push.Endpoint](t)(r.Endpoints(ctx, access.Scope{All: true}, page)) {
		orgs["Endpoints"] = append(orgs["Endpoints"], v.Org)
	}
	for _, v := range must[[]audit.Row](t)(r.Audit(ctx, store.AuditFilter{}, page)) {
		orgs["Audit"] = append(orgs["Audit"], v.Org)
	}
	orgs["Program"] = []access.OrgID{must[quote.Program](t)(r.Program(ctx, "GL")).Org}
	q, _, err := r.Request(ctx, access.NewRequestID(time.Now()), "same")
	if err != nil {
		t.Error(err)
	}
	orgs["Request by the caller's id"] = []access.OrgID{q.Org}
	for _, name := range []string{"Submissions", "Policies", "Policies by number", "Invoices", "Referrals", "Profiles", "Delegations", "Holders", "Tasks", "Users", "Keys", "Events", "Glances", "Endpoints", "Audit", "Program", "Programs", "RateTables", "Carriers", "Agreements", "Bordereaux", "Request by the caller's id"} {
		if len(orgs[name]) == 0 {
			t.Errorf("%s: nothing", name)
		}
		for _, o := range orgs[name] {
			if o != me.by.Org {
				t.Errorf("%s: something of %s", name, o)
			}
		}
	}
}

// demand is what an insured of the book wants of its agreement.
func demand(of book) store.Demand {
	return store.Demand{
		Agreement: of.agreement, Submission: of.sub.ID, Risk: delegated.Risk{Effective: of.agreement.Effective, Insured: "i"}, At: time.Now(),
	}
}

// missing makes of a version that nobody has a row that is not there.
func missing(err error) error {
	if errors.Is(err, fault.ErrStale) {
		return fault.ErrNotFound
	}
	return err
}

// missingRow makes of a row that refers to nothing one that is not there.
func missingRow(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && (pg.Code == "23503" || pg.Code == "23505" || pg.Code == "42501" || pg.Code == "23514") || errors.Is(err, store.ErrDuplicate) {
		return fault.ErrNotFound
	}
	return err
}

// locks asks for the rows to change.
func locks(t *testing.T, db *store.DB, me, they book) {
	t.Helper()
	own := me.by.Org == they.by.Org
	undo := errors.New("undo")
	for name, change := range map[string]func(*store.Tx) error{
		"LockSubmission": func(tx *store.Tx) error { _, err := tx.LockSubmission(t.Context(), they.sub.ID); return err },
		"LockDraft":      func(tx *store.Tx) error { _, err := tx.LockDraft(t.Context(), they.draft.ID); return err },
		"SaveDraft": func(tx *store.Tx) error {
			s := they.draft
			s.State = "WA"
			if err := tx.SaveDraft(t.Context(), s); err != nil {
				return err
			}
			after, err := tx.Draft(t.Context(), s.ID)
			return found(after.State == "WA", err)
		},
		"DropDraft": func(tx *store.Tx) error { return tx.DropDraft(t.Context(), they.draft.ID) },
		"DropIdleDraft": func(tx *store.Tx) error {
			if early, err := tx.DropIdleDraft(t.Context(), they.draft.ID, they.draft.CreatedAt); early || err != nil {
				return errors.Join(errors.New("too early"), err)
			}
			ok, err := tx.DropIdleDraft(t.Context(), they.draft.ID, they.draft.DraftEnds())
			return found(ok, err)
		},
		"SaveScreening": func(tx *store.Tx) error {
			s := they.sub
			s.Screening.Version = "another"
			if err := tx.SaveScreening(t.Context(), s); err != nil {
				return err
			}
			after, err := tx.Submission(t.Context(), s.ID)
			return found(after.Screening.Version == "another", err)
		},
		"LockInvoice": func(tx *store.Tx) error { _, err := tx.LockInvoice(t.Context(), they.invoice.ID); return err },
		"LockPolicy":  func(tx *store.Tx) error { _, err := tx.LockPolicy(t.Context(), they.policy.ID); return err },
		"SaveNotice": func(tx *store.Tx) error {
			i := they.invoice
			i.UpdatedAt = i.UpdatedAt.Add(time.Hour)
			if err := tx.SaveNotice(t.Context(), i); err != nil {
				return err
			}
			after, err := tx.Invoice(t.Context(), i.ID)
			return found(after.UpdatedAt.Equal(i.UpdatedAt), err)
		},
		"SaveRenewalStep": func(tx *store.Tx) error {
			p := they.policy
			p.RenewalStep, p.RenewalAt = 0, nil
			if err := tx.SaveRenewalStep(t.Context(), p); err != nil {
				return err
			}
			after, err := tx.Policy(t.Context(), p.ID)
			return found(after.RenewalAt == nil, err)
		},
		"LockProgram": func(tx *store.Tx) error { _, err := tx.LockProgram(t.Context(), they.program.ID); return err },
		"LockProgramAlone": func(tx *store.Tx) error {
			_, err := tx.LockProgramAlone(t.Context(), they.program.ID)
			return err
		},
		"SaveProgram": func(tx *store.Tx) error {
			p := they.program
			p.MinYears++
			if err := tx.SaveProgram(t.Context(), p); err != nil {
				return err
			}
			after, err := tx.ProgramByID(t.Context(), p.ID)
			return found(after.MinYears == p.MinYears && after.Version == p.Version+1, err)
		},
		"LockEndpoint": func(tx *store.Tx) error { _, err := tx.LockEndpoint(t.Context(), they.endpoint); return err },
		"KeepEndpoint": func(tx *store.Tx) error { _, err := tx.KeepEndpoint(t.Context(), they.endpoint); return err },
		"SaveEndpoint": func(tx *store.Tx) error {
			_, err := tx.SaveEndpoint(t.Context(), push.Endpoint{ID: they.endpoint, URL: "https://x.example.com", Types: []string{"*"}, AtOnce: 8, Schedule: "standard", Status: push.Enabled, Version: 1})
			return missing(err)
		},
		"LockReferralsOf": func(tx *store.Tx) error {
			rs, err := tx.LockReferralsOf(t.Context(), they.sub.ID)
			return found(len(rs) > 0, err)
		},
		"LockCarrier":   func(tx *store.Tx) error { _, err := tx.LockCarrier(t.Context(), they.agreement.Carrier); return err },
		"LockAgreement": func(tx *store.Tx) error { _, err := tx.LockAgreement(t.Context(), they.agreement.ID); return err },
		"HoldCovering": func(tx *store.Tx) error {
			c, err := tx.HoldCovering(t.Context(), they.program.ID, they.agreement.Effective)
			return found(c.Is, err)
		},
		"Overlaps": func(tx *store.Tx) error {
			other := they.agreement
			other.ID = delegated.ID{}
			yes, err := tx.Overlaps(t.Context(), other)
			return found(yes, err)
		},
		"LockAllCounters": func(tx *store.Tx) error {
			cs, err := tx.LockAllCounters(t.Context(), they.agreement.ID)
			return found(len(cs) > 0, err)
		},
		"LockCounted": func(tx *store.Tx) error {
			cs, h, err := tx.LockCounted(t.Context(), demand(they))
			return found(len(cs) == 3 && h.Annual > 0, missingRow(err))
		},
		"AddBordereau": func(tx *store.Tx) error {
			a := they.agreement // whose days are reported of, when it is one's own
			made, err := tx.AddBordereau(t.Context(), delegated.Bordereau{
				ID: delegated.NewBordereauID(time.Now()), Agreement: a.ID, Carrier: a.Carrier, Type: "premium", From: a.Effective, To: a.Expiration,
				Due: a.Expiration, Status: "pending", CreatedAt: time.Now(),
			})
			if errors.Is(err, delegated.ErrReported) {
				return nil
			}
			return found(made.Rows > 0, missingRow(err))
		},
		"LockProfile": func(tx *store.Tx) error { _, err := tx.LockProfile(t.Context(), they.profile); return err },
		"Unassign": func(tx *store.Tx) error {
			return tx.Unassign(t.Context(), must[access.UserID](t)(parseUser(they.by.ID)), time.Now())
		},
		"DeleteEndpoint": func(tx *store.Tx) error { return tx.DeleteEndpoint(t.Context(), they.endpoint) },
		"RetryDelivery": func(tx *store.Tx) error {
			_, err := tx.RetryDelivery(t.Context(), they.endpoint, they.owed.ID)
			return err
		},
		"DeleteDevice": func(tx *store.Tx) error { return tx.DeleteDevice(t.Context(), they.by.ID, they.device) },
		"EndSignIn":    func(tx *store.Tx) error { return tx.EndSignIn(t.Context(), they.person, they.signIn, time.Now()) },
		"EndUserSignIn": func(tx *store.Tx) error {
			of := access.Actor{Kind: access.User, ID: they.user.String(), Org: they.by.Org}
			return tx.EndUserSignIn(t.Context(), of, they.userSignIn, time.Now())
		},
		"ReplaceKey": func(tx *store.Tx) error {
			now := time.Now()
			_, err := tx.ReplaceKey(t.Context(), they.key, store.Key{ID: access.NewKeyID(now), Prefix: "oi", CreatedBy: me.by.ID, CreatedAt: now}, they.by.ID+me.by.ID, now)
			return err
		},
		"ReadNotification": func(tx *store.Tx) error {
			_, err := tx.ReadNotification(t.Context(), they.by.ID, they.notice, time.Now())
			return err
		},
		"ReadNotifications": func(tx *store.Tx) error {
			n, err := tx.ReadNotifications(t.Context(), they.by.ID, time.Now())
			return found(n > 0, err)
		},
		"SavePreferences": func(tx *store.Tx) error {
			_, err := tx.SavePreferences(t.Context(), they.by.ID, push.Preferences{Version: 1}, time.Now())
			return missing(err)
		},
		"LockRoom": func(tx *store.Tx) error { _, err := tx.LockRoom(t.Context(), they.room.ID); return err },
		"LockInvitation": func(tx *store.Tx) error {
			_, err := tx.LockInvitation(t.Context(), they.room.ID, they.invitation)
			return err
		},
		"EndInvitation": func(tx *store.Tx) error {
			err := tx.EndInvitation(t.Context(), room.Invitation{ID: they.invitation, Room: they.room.ID, State: room.Revoked})
			if err != nil {
				return err
			}
			v, err := tx.LockInvitation(t.Context(), they.room.ID, they.invitation)
			return found(v.State == room.Revoked, err)
		},
		"LockRoomOf": func(tx *store.Tx) error {
			_, ok, err := tx.LockRoomOf(t.Context(), they.sub.ID)
			return found(ok, err)
		},
	} {
		err := db.InTx(t.Context(), me.by, func(tx *store.Tx) error {
			if err := change(tx); err != nil {
				return err
			}
			return undo
		})
		if own && !errors.Is(err, undo) || !own && !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
