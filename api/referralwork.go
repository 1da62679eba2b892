package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/referral"
)

type useBody struct {
	ProfileID  string `json:"profileId,omitempty" example:"aup_01J8K3M4N5P6Q7R8S9T0V1W2X3" doc:"None: nobody's authority was asked for, up to the threshold of the program."`
	Version    int    `json:"version,omitempty" doc:"Of the profile, as it was then."`
	Level      int    `json:"level,omitempty"`
	OnBehalfOf string `json:"onBehalfOf,omitempty" doc:"Who lent it."`
	Override   bool   `json:"override,omitempty" doc:"No profile covers it."`
}

func useOf(u *authority.Use) *useBody {
	if u == nil {
		return nil
	}
	return &useBody{ProfileID: u.Profile, Version: u.Version, Level: u.Level, OnBehalfOf: u.For, Override: u.Override}
}

type valueBody struct {
	Premium        *Money     `json:"premium,omitempty" doc:"None: there is no price yet."`
	Limit          Money      `json:"limit"`
	InsuredValue   Money      `json:"insuredValue,omitempty" doc:"Of all that is insured, the submission's tiv. None: it is no matter of values."`
	LineOfBusiness string     `json:"lineOfBusiness" example:"GL"`
	State          string     `json:"state" example:"OR"`
	Issue          *issueBody `json:"issue,omitempty"`
}

func valueOf(v authority.Value) valueBody {
	b := valueBody{Premium: (*Money)(v.Premium), Limit: Money(v.Limit), InsuredValue: Money(v.Insured), LineOfBusiness: v.Line, State: v.State}
	if v.Issue != nil {
		i := bodyOfIssue(*v.Issue)
		b.Issue = &i
	}
	return b
}

// bargainBody is what an approval agrees to.
type bargainBody struct {
	Premium Money     `json:"premium"`
	Terms   termsBody `json:"terms"`
}

// bargainOf is nil where there was no quote.
func bargainOf(b *referral.Bargain) *bargainBody {
	if b == nil || b.Terms.Limit == 0 {
		return nil
	}
	return &bargainBody{Money(b.Premium), quoteTerms(b.Terms)}
}

type proposalBody struct {
	Decision   string       `json:"decision" enum:"approve"`
	Rationale  string       `json:"rationale"`
	ProposedBy string       `json:"proposedBy" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X4"`
	ProposedAt time.Time    `json:"proposedAt"`
	Authority  *useBody     `json:"authority"`
	Bargain    *bargainBody `json:"bargain,omitempty" doc:"What the two agree to: the quote that was looked at, on the terms of the counter when there is one."`
}

type endingBody struct {
	What      string    `json:"what" example:"withdrawn" doc:"withdrawn, expired, superseded, revoked, lapsed, objected or counter_refused; others may join."`
	By        string    `json:"by" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X4"`
	Rationale string    `json:"rationale,omitempty"`
	At        time.Time `json:"at"`
}

// work adds to a body what a referral keeps of its way.
func (b referralBody) work(r referral.Referral) referralBody {
	b.Value, b.Supersedes, b.Escalations = valueOf(r.Value), r.Supersedes, r.Escalated
	b.WhoseTurn, b.DueAt = r.Clock.Turn, r.Clock.DueAt
	if r.Turn() != "" {
		b.ExpiresAt = r.Clock.ExpiresAt
	}
	b.History = []endingBody{}
	for _, e := range r.Endings {
		b.History = append(b.History, endingBody{What: e.What, By: e.By, Rationale: e.Because, At: e.At})
	}
	if p := r.Proposal; p != nil {
		b.Proposal = &proposalBody{Decision: string(p.Decision.Verb), Rationale: p.Decision.Rationale, ProposedBy: p.By, ProposedAt: p.At, Authority: useOf(&p.Use), Bargain: bargainOf(r.Bargain)}
	}
	if d := b.Decision; d != nil {
		d.ConfirmedBy, d.Authority, d.Confirmation, d.AllowEdit = r.SecondBy, useOf(r.Use), useOf(r.SecondUse), r.AllowEdit
		d.CounterAccepted, d.Bargain = r.Taken, bargainOf(r.Bargain)
		if r.Reference != nil {
			v := valueOf(*r.Reference)
			d.Reference = &v
		}
	}
	return b
}

// A referralMove is an operation that moves a referral.
type referralMove[B any] struct {
	ByID
	IfMatch
	Body B
}

type rationaleBody struct {
	Rationale string `json:"rationale" minLength:"1" maxLength:"5000" example:"The account went elsewhere." doc:"For your own organization; no deal room shows it."`
}

type respondBody struct {
	Answers []answerBody `json:"answers" nullable:"false" minItems:"1" maxItems:"20" doc:"One for every question of the last request."`
}

type answerBody struct {
	Question int    `json:"question" minimum:"1" example:"1" doc:"Its number in the request, from 1."`
	Text     string `json:"text" minLength:"1" maxLength:"5000" example:"Both are closed."`
}

func (b respondBody) replies() []referral.Reply {
	out := make([]referral.Reply, 0, len(b.Answers))
	for _, a := range b.Answers {
		out = append(out, referral.Reply{Question: a.Question, Text: a.Text})
	}
	return out
}

type counterAnswerBody struct {
	Accept    bool   `json:"accept" example:"true"`
	Rationale string `json:"rationale,omitempty" maxLength:"5000" doc:"Why not; needed to refuse."`
}

// Resolve implements huma.Resolver.
func (b *counterAnswerBody) Resolve(ctx huma.Context) []error {
	if b.Accept || !fault.Blank(b.Rationale) {
		return nil
	}
	return foreseen(ctx, referral.ErrRationale)
}

type conditionChangeInput struct {
	ByID
	ConditionID string `path:"conditionId" maxLength:"64"`
	IfMatch
	Body struct {
		Action string `json:"action" enum:"submit,accept,reject,waive" example:"submit" doc:"submit says that it is met; accept and reject answer that; waive does without it."`
		Note   string `json:"note,omitempty" maxLength:"5000" example:"The report is in the room." doc:"What was submitted, or why it is rejected or waived; accept needs none."`
	}
}

// Resolve implements huma.Resolver.
func (in *conditionChangeInput) Resolve(ctx huma.Context) []error {
	if in.Body.Action == "accept" || !fault.Blank(in.Body.Note) {
		return nil
	}
	return foreseen(ctx, referral.ErrNote)
}

type taskBody struct {
	ID          string     `json:"id" example:"cnd_01J8K3M4N5P6Q7R8S9T0V1W2X3" doc:"Of the condition."`
	ReferralID  string     `json:"referralId" example:"ref_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	PolicyID    string     `json:"policyId" example:"pol_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	Action      string     `json:"action" example:"Report the payroll."`
	Responsible string     `json:"responsibleParty,omitempty"`
	Consequence string     `json:"consequence,omitempty"`
	DueAt       *time.Time `json:"dueAt,omitempty"`
	Status      string     `json:"status" enum:"open,submitted,accepted,rejected,waived,expired"`
	CreatedAt   time.Time  `json:"createdAt"`
	UpdatedAt   time.Time  `json:"updatedAt"`
}

func taskOf(t referral.Task) taskBody {
	return taskBody{
		ID: t.ID.String(), ReferralID: t.Referral.String(), PolicyID: t.Policy.String(), Action: t.Action, Responsible: t.Responsible, Consequence: t.Consequence,
		DueAt: t.DueAt, Status: t.Status, CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
}

// moves registers an operation that moves a referral.
func moves[B any](a *API, name, summary, description string, do func(context.Context, access.Actor, referral.ID, B, insurance.Version) (referral.Referral, error)) {
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/referrals/{id}/" + name, ID: name + "-referral", Tag: "Referrals", Scope: "referrals:write", Status: http.StatusOK, IfMatch: true,
		Summary: summary, Description: description,
	}, func(ctx context.Context, in *referralMove[B]) (*bodyOf[referralBody], error) {
		var id referral.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		r, err := do(ctx, access.From(ctx), id, in.Body, in.Check)
		return &bodyOf[referralBody]{referralOf(r)}, err
	})
}

// bare registers a move that says nothing.
func bare(a *API, name, summary, description string, do func(context.Context, access.Actor, referral.ID, insurance.Version) (referral.Referral, error)) {
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/referrals/{id}/" + name, ID: name + "-referral", Tag: "Referrals", Scope: "referrals:write", Status: http.StatusOK, IfMatch: true,
		Summary: summary, Description: description,
	}, func(ctx context.Context, in *struct {
		ByID
		IfMatch
	},
	) (*bodyOf[referralBody], error) {
		var id referral.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		r, err := do(ctx, access.From(ctx), id, in.Check)
		return &bodyOf[referralBody]{referralOf(r)}, err
	})
}

func (a *API) registerReferralWork(p Platform) {
	d := p.Desk
	bare(a, "submit", "Ask a drafted question", "For whoever drafted it; a referral whose risk changed leaves a draft behind.", d.SubmitReferral)
	bare(a, "claim", "Take a referral up", "From then on only he who has it answers it. Of two who take it up at once, one is told who has it.", d.ClaimReferral)
	bare(a, "release", "Give a referral back to everybody", "For who has it, and administrators.", d.ReleaseReferral)
	moves(a, "withdraw", "Take a question back", "For whoever raised it, and administrators, before it is decided.",
		func(ctx context.Context, by access.Actor, id referral.ID, b rationaleBody, seen insurance.Version) (referral.Referral, error) {
			return d.WithdrawReferral(ctx, by, id, b.Rationale, seen)
		})
	moves(a, "respond", "Answer what was asked", "For who raised the referral, or an administrator, and not for who asked or is to decide; the other company answers in the deal room. Every question of the last request gets its answer; then it is the underwriter's turn again.",
		func(ctx context.Context, by access.Actor, id referral.ID, b respondBody, seen insurance.Version) (referral.Referral, error) {
			return d.Respond(ctx, by, id, b.replies(), seen)
		})
	moves(a, "confirm", "Agree to a decision as the second of two", "Somebody else than who raised the referral and who decided first, by authority of his own.",
		func(ctx context.Context, by access.Actor, id referral.ID, b rationaleBody, seen insurance.Version) (referral.Referral, error) {
			return d.Confirm(ctx, by, id, b.Rationale, seen)
		})
	moves(a, "object", "Disagree with a decision as the second of two", "The referral is in review again.",
		func(ctx context.Context, by access.Actor, id referral.ID, b rationaleBody, seen insurance.Version) (referral.Referral, error) {
			return d.Dissent(ctx, by, id, b.Rationale, seen)
		})
	moves(a, "revoke", "Take an approval back", "Before it is used for a bind, by the authority that it took; what two agreed to neither of them undoes alone.",
		func(ctx context.Context, by access.Actor, id referral.ID, b rationaleBody, seen insurance.Version) (referral.Referral, error) {
			return d.Revoke(ctx, by, id, b.Rationale, seen)
		})
	moves(a, "answer-counter", "Take other terms, or refuse them", "Taking them makes a new version of the quote. Refused, the referral is in review again.",
		func(ctx context.Context, by access.Actor, id referral.ID, b counterAnswerBody, seen insurance.Version) (referral.Referral, error) {
			return d.AnswerCounter(ctx, by, id, b.Accept, b.Rationale, seen)
		})
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/referrals/{id}/conditions/{conditionId}", ID: "change-referral-condition", Tag: "Referrals", Scope: "referrals:write",
		Status: http.StatusOK, IfMatch: true, Summary: "Submit, accept, reject or waive a condition",
		Description: "A bind waits for the conditions before it. Whoever submitted something does not accept it; a condition is waived by the authority that set it, or more.",
	}, func(ctx context.Context, in *conditionChangeInput) (*bodyOf[referralBody], error) {
		var id referral.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		c := insurance.ConditionChange{Verb: in.Body.Action, Note: in.Body.Note}
		if err := pathID(&c.ID, in.ConditionID); err != nil {
			return nil, err
		}
		r, err := d.ChangeCondition(ctx, access.From(ctx), id, c, in.Check)
		return &bodyOf[referralBody]{referralOf(r)}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/referral-tasks", ID: "list-referral-tasks", Tag: "Referrals", Scope: "referrals:read",
		Summary: "List what approvals still ask for after a bind, newest first", Description: "Each is a condition, which the operations of its referral move.",
	}, func(ctx context.Context, in *struct {
		Page
		Status string `query:"status" enum:"open,submitted,accepted,rejected,waived,expired"`
	},
	) (*bodyOf[List[taskBody]], error) {
		by := access.From(ctx)
		if err := access.Check(ctx, p.DB.As(by), by, access.ViewBusiness, access.OrgObject(by.Org)); err != nil {
			return nil, err
		}
		ts, err := p.DB.As(by).Tasks(ctx, in.Status, in.page())
		return &bodyOf[List[taskBody]]{listOf(ts, in.Limit, taskOf, func(t referral.Task) Cursor { return Cursor{t.CreatedAt, t.ID} })}, err
	})
}
