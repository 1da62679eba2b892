package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/authority"
	"github.com/openinsure/openinsure/internal/insurance/money"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

type referralBody struct {
	versioned
	ID           string            `json:"id" example:"ref_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	OrgID        string            `json:"orgId" example:"org_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	EntityType   string            `json:"entityType" enum:"submission,quote,policy"`
	EntityID     string            `json:"entityId" example:"quo_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	SubmissionID string            `json:"submissionId" example:"sub_01J8K3M4N5P6Q7R8S9T0V1W2X3" doc:"That the entity is, or came of."`
	DealRoomID   string            `json:"dealRoomId,omitempty" example:"room_01J8K3M4N5P6Q7R8S9T0V1W2X3" doc:"That shows cards of it."`
	Reason       string            `json:"reason" enum:"authority_exceeded,coverage_question,risk_quality,reinsurance_required,appetite_check,capacity_constraint,prior_losses,financial_condition,regulatory,other"`
	Rationale    string            `json:"rationale" example:"Two water damage losses in three years."`
	Status       string            `json:"status" enum:"draft,open,in_review,info_requested,pending_second,decided,withdrawn,expired,superseded,revoked,lapsed,consumed"`
	Outcome      string            `json:"outcome,omitempty" enum:"approved,approved_with_conditions,countered,declined" doc:"Once it is decided."`
	RaisedBy     string            `json:"raisedBy" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	Assignee     string            `json:"assignee,omitempty" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X4" doc:"Who took it up."`
	InfoRequests []infoRequestBody `json:"infoRequests" nullable:"false"`
	Decision     *decisionBody     `json:"decision,omitempty"`
	Value        valueBody         `json:"value" doc:"What is to be agreed to."`
	Proposal     *proposalBody     `json:"proposal,omitempty" doc:"Of the first of two, while the second is waited for."`
	WhoseTurn    string            `json:"whoseTurn,omitempty" enum:"broker,underwriter,requester" doc:"requester: who raised it was asked, and nobody else."`
	DueAt        *time.Time        `json:"dueAt,omitempty" doc:"When the time of this turn is over."`
	ExpiresAt    *time.Time        `json:"expiresAt,omitempty" doc:"When it is over without an answer."`
	Escalations  int               `json:"escalations,omitempty"`
	Supersedes   string            `json:"supersedes,omitempty" doc:"The referral that this one follows, since its risk changed."`
	History      []endingBody      `json:"history" nullable:"false" doc:"What undid what was there, and why."`
	CreatedAt    time.Time         `json:"createdAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
}

type infoRequestBody struct {
	Questions   []questionBody `json:"questions" nullable:"false"`
	Rationale   string         `json:"rationale" example:"The loss runs are a year old."`
	RequestedBy string         `json:"requestedBy" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X4"`
	RequestedAt time.Time      `json:"requestedAt"`
}

type questionBody struct {
	Number   int              `json:"number" example:"1"`
	Text     string           `json:"text" example:"Are both claims closed?"`
	Internal bool             `json:"internal" doc:"Not shown to the other company."`
	Answer   *givenAnswerBody `json:"answer,omitempty"`
}

type givenAnswerBody struct {
	Text       string    `json:"text" example:"Both are closed."`
	AnsweredBy string    `json:"answeredBy" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	AnsweredAt time.Time `json:"answeredAt"`
}

type decisionBody struct {
	Rationale  string          `json:"rationale" example:"Inside appetite once the roof is done."`
	Conditions []conditionBody `json:"conditions" nullable:"false"`
	Counter    *counterBody    `json:"counter,omitempty"`
	ValidUntil *time.Time      `json:"validUntil,omitempty"`
	DecidedBy  string          `json:"decidedBy" example:"usr_01J8K3M4N5P6Q7R8S9T0V1W2X4"`
	DecidedAt  time.Time       `json:"decidedAt"`

	ConfirmedBy     string       `json:"confirmedBy,omitempty" doc:"The second, where two have to agree."`
	Authority       *useBody     `json:"authority,omitempty" doc:"By which it was decided."`
	Confirmation    *useBody     `json:"confirmationAuthority,omitempty"`
	Reference       *valueBody   `json:"reference,omitempty" doc:"The most that the approval covers."`
	Bargain         *bargainBody `json:"bargain,omitempty" doc:"What was agreed to: the quote that was looked at, on the terms of the counter when there is one. A quote on other terms than these is not approved; of a counter, none at another premium."`
	AllowEdit       bool         `json:"allowEdit,omitempty" doc:"It holds while changes of the risk stay within the reference. Of no use to a counter."`
	CounterAccepted bool         `json:"counterAccepted,omitempty"`
}

type conditionBody struct {
	ID     string `json:"id" example:"cnd_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	Status string `json:"status" enum:"open,submitted,accepted,rejected,waived,expired"`

	Note        string     `json:"note,omitempty" doc:"What was submitted."`
	SubmittedBy string     `json:"submittedBy,omitempty"`
	ResolvedBy  string     `json:"resolvedBy,omitempty"`
	Rationale   string     `json:"rationale,omitempty" doc:"Why it was rejected or waived."`
	UpdatedAt   *time.Time `json:"updatedAt,omitempty"`
	ConditionInput
}

// ConditionInput is a condition as an underwriter sets it; exported so that the
// document sees through its embedding.
type ConditionInput struct {
	Kind        string     `json:"kind,omitempty" enum:"pre_bind,post_bind" default:"pre_bind" doc:"Whether bind waits for it."`
	Action      string     `json:"action" minLength:"1" maxLength:"500" example:"Send the roof inspection report." doc:"What has to happen. The broker reads it in the deal room."`
	Responsible string     `json:"responsibleParty,omitempty" maxLength:"200" example:"The insured"`
	Evidence    string     `json:"evidence,omitempty" maxLength:"500" example:"Signed by a licensed inspector."`
	DueAt       *time.Time `json:"dueAt,omitempty"`
	Consequence string     `json:"consequence,omitempty" maxLength:"500" example:"Notice of cancellation."`
}

type counterBody struct {
	Premium    *Money   `json:"premium,omitempty" minimum:"0"`
	Limit      *Money   `json:"limit,omitempty" minimum:"0"`
	Deductible *Money   `json:"deductible,omitempty" minimum:"0"`
	Exclusions []string `json:"exclusions,omitempty" nullable:"false" maxItems:"20" minLength:"1" maxLength:"500"`
}

func referralOf(r referral.Referral) referralBody {
	b := referralBody{
		versioned: versioned{r.Version}, ID: r.ID.String(), OrgID: r.Org.String(), EntityType: string(r.Entity.Type), EntityID: r.Entity.String(),
		SubmissionID: r.Submission.String(), DealRoomID: r.Room.String(), Reason: string(r.Reason), Rationale: r.Rationale, Status: string(r.Status),
		Outcome: string(r.Outcome), RaisedBy: r.RaisedBy, Assignee: r.Assignee, InfoRequests: []infoRequestBody{}, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	for _, q := range r.Requests {
		asked := infoRequestBody{Questions: []questionBody{}, Rationale: q.Rationale, RequestedBy: q.By, RequestedAt: q.At}
		for n, one := range q.Questions {
			body := questionBody{Number: n + 1, Text: one.Text, Internal: one.Internal}
			if a := one.Answer; a != nil {
				body.Answer = &givenAnswerBody{Text: a.Text, AnsweredBy: a.By, AnsweredAt: a.At}
			}
			asked.Questions = append(asked.Questions, body)
		}
		b.InfoRequests = append(b.InfoRequests, asked)
	}
	if r.DecidedAt == nil {
		return b.work(r)
	}
	b.Decision = &decisionBody{
		Rationale: r.Because, Conditions: []conditionBody{}, ValidUntil: r.ValidUntil, DecidedBy: r.DecidedBy, DecidedAt: *r.DecidedAt,
	}
	for _, c := range r.Conditions {
		b.Decision.Conditions = append(b.Decision.Conditions, conditionBody{
			ID: c.ID.String(), Status: c.Status, Note: c.Note, SubmittedBy: c.SubmittedBy, ResolvedBy: c.ResolvedBy, Rationale: c.Because, UpdatedAt: c.UpdatedAt,
			ConditionInput: ConditionInput{Kind: c.Kind, Action: c.Action, Responsible: c.Responsible, Evidence: c.Evidence, DueAt: c.DueAt, Consequence: c.Consequence},
		})
	}
	if c := r.Counter; c != nil {
		b.Decision.Counter = &counterBody{Premium: (*Money)(c.Premium), Limit: (*Money)(c.Limit), Deductible: (*Money)(c.Deductible), Exclusions: c.Exclusions}
	}
	return b.work(r)
}

type createReferralInput struct {
	Body struct {
		EntityType string  `json:"entityType" enum:"submission,quote,policy"`
		EntityID   string  `json:"entityId" maxLength:"64" example:"quo_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
		Reason     string  `json:"reason" enum:"authority_exceeded,coverage_question,risk_quality,reinsurance_required,appetite_check,capacity_constraint,prior_losses,financial_condition,regulatory,other" example:"prior_losses"`
		Rationale  string  `json:"rationale" minLength:"1" maxLength:"5000" example:"Two water damage losses in three years."`
		DealRoomID room.ID `json:"dealRoomId,omitempty" maxLength:"64" example:"room_01J8K3M4N5P6Q7R8S9T0V1W2X3" doc:"The deal room of the entity's submission, to show cards of the referral there. Without it no other company hears of it."`

		Issue *issueBody `json:"issue,omitempty" doc:"A fact beside the money that authority is asked for."`
		Draft bool       `json:"draft,omitempty" doc:"Nobody is asked before it is submitted."`
	}
}

// ask reads what is asked, and what is wrong with it.
func (in *createReferralInput) ask() (referral.Ask, error) {
	b := in.Body
	a := referral.Ask{Reason: referral.Reason(b.Reason), Rationale: b.Rationale, Draft: b.Draft, Room: b.DealRoomID}
	if b.Issue != nil {
		a.Issue = &authority.Issue{Name: b.Issue.Name, Comparator: authority.Comparator(b.Issue.Comparator), Value: b.Issue.Value}
	}
	var err error
	a.Entity, err = referral.ParseEntity(referral.EntityType(b.EntityType), b.EntityID)
	return a, err
}

// Resolve implements huma.Resolver.
func (in *createReferralInput) Resolve(ctx huma.Context) []error {
	a, err := in.ask()
	foreseen(ctx, a.Check())
	return found(ctx, err)
}

type listReferralsInput struct {
	Page
	Status     string  `query:"status" enum:"draft,open,in_review,info_requested,pending_second,decided,withdrawn,expired,superseded,revoked,lapsed,consumed"`
	EntityType string  `query:"entityType" enum:"submission,quote,policy"`
	EntityID   string  `query:"entityId" maxLength:"64"`
	DealRoomID room.ID `query:"dealRoomId" maxLength:"64"`
}

type decideReferralInput struct {
	ByID
	IfMatch
	Body struct {
		Decision   string           `json:"decision" enum:"approve,reject,request_more_info" doc:"reject is final; to ask for more is request_more_info."`
		Rationale  string           `json:"rationale" minLength:"1" maxLength:"5000" example:"Inside appetite once the roof is done." doc:"For your own organization; no deal room shows it."`
		Questions  []string         `json:"questions,omitempty" nullable:"false" maxItems:"20" minLength:"1" maxLength:"500" example:"[\"Are both claims closed?\"]" doc:"With request_more_info: what to ask, shown in the deal room. Without them the rationale asks who raised the referral, and no other company hears of it."`
		Conditions []ConditionInput `json:"conditions,omitempty" nullable:"false" maxItems:"20" doc:"With approve."`
		Counter    *counterBody     `json:"counter,omitempty" doc:"With approve: other terms than those asked for. Once it is taken, the approval is of these only."`
		ValidUntil *time.Time       `json:"validUntil,omitempty" doc:"With approve: until when it holds, which is not after the quote expires; with a counter 30 days from now at most. Without it, as long as the quote."`

		OffsetPercent int  `json:"offsetPercent,omitempty" minimum:"0" maximum:"100" doc:"With approve: by how much premium, limit and insured values may still grow."`
		AllowEdit     bool `json:"allowEdit,omitempty" doc:"With approve: it survives changes of the risk that stay within that, on the same terms."`
		Override      bool `json:"override,omitempty" doc:"With approve: although no profile covers it. Takes canOverride, and a second person."`
	}
}

// Resolve implements huma.Resolver; what is to be in the future is looked at by
// the organisation's clock.
func (in *decideReferralInput) Resolve(ctx huma.Context) []error {
	return foreseen(ctx, in.decision().Check(time.Time{}))
}

// decision reads what was answered.
func (in *decideReferralInput) decision() referral.Decision {
	b := in.Body
	d := referral.Decision{Verb: referral.Verb(b.Decision), Rationale: b.Rationale, Questions: b.Questions,
		Offset: b.OffsetPercent, AllowEdit: b.AllowEdit, Override: b.Override, Terms: referral.Terms{ValidUntil: b.ValidUntil}}
	for _, c := range b.Conditions {
		d.Conditions = append(d.Conditions, referral.Condition{
			Kind: c.Kind, Action: c.Action, Responsible: c.Responsible, Evidence: c.Evidence, DueAt: c.DueAt, Consequence: c.Consequence,
		})
	}
	if c := b.Counter; c != nil {
		d.Counter = &referral.Counter{
			Premium: (*money.Cents)(c.Premium), Limit: (*money.Cents)(c.Limit), Deductible: (*money.Cents)(c.Deductible), Exclusions: c.Exclusions,
		}
	}
	return d
}

func (a *API) registerReferrals(p Platform) {
	const tag = "Referrals"
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/referrals", ID: "create-referral", Tag: tag, Scope: "referrals:write", Summary: "Put a question to an underwriter",
		Errors: []int{404},
	}, p.createReferral)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/referrals", ID: "list-referrals", Tag: tag, Scope: "referrals:read", Summary: "List referrals, newest first",
	}, p.listReferrals)
	register(a, operation{
		Method: http.MethodGet, Path: "/v1/referrals/{id}", ID: "get-referral", Tag: tag, Scope: "referrals:read", Summary: "Get a referral",
	}, func(ctx context.Context, in *ByID) (*bodyOf[referralBody], error) {
		by := access.From(ctx)
		var id referral.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		r, err := p.DB.As(by).Referral(ctx, id)
		if err != nil {
			return nil, err
		}
		err = access.Check(ctx, p.DB.As(by), by, access.Read, r.Object())
		return &bodyOf[referralBody]{referralOf(r)}, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/referrals/{id}/decision", ID: "decide-referral", Tag: tag, Scope: "referrals:write", Status: http.StatusOK, IfMatch: true,
		Summary:     "Approve, reject, or request more information",
		Description: "The first decision is final. Whoever raised the referral may not decide it, and an API key may not: a decision is a person's. It has to be inside his authority, and above a threshold an approval takes a second person, who confirms it.",
	}, func(ctx context.Context, in *decideReferralInput) (*bodyOf[referralBody], error) {
		var id referral.ID
		if err := pathID(&id, in.ID); err != nil {
			return nil, err
		}
		r, err := p.Desk.Decide(ctx, access.From(ctx), id, in.decision(), in.Check)
		return &bodyOf[referralBody]{referralOf(r)}, err
	})
}

func (p Platform) createReferral(ctx context.Context, in *createReferralInput) (*bodyOf[referralBody], error) {
	ask, err := in.ask()
	if err != nil {
		return nil, err
	}
	r, err := p.Desk.Refer(ctx, access.From(ctx), ask)
	return &bodyOf[referralBody]{referralOf(r)}, err
}

func (p Platform) listReferrals(ctx context.Context, in *listReferralsInput) (*bodyOf[List[referralBody]], error) {
	by := access.From(ctx)
	f := store.ReferralFilter{Status: in.Status, EntityType: in.EntityType, Room: in.DealRoomID}
	if in.EntityID != "" {
		var err error
		if f.Entity, err = referral.ParseEntity(referral.EntityType(in.EntityType), in.EntityID); err != nil {
			return nil, err
		}
	}
	r := p.DB.As(by)
	see, err := access.Visible(ctx, r, by, access.Referral)
	if err != nil {
		return nil, err
	}
	rs, err := r.Referrals(ctx, see, f, in.page())
	if err != nil {
		return nil, err
	}
	return &bodyOf[List[referralBody]]{listOf(rs, in.Limit, referralOf, func(r referral.Referral) Cursor { return Cursor{r.CreatedAt, r.ID} })}, nil
}
