package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/deal"
	"github.com/openinsure/openinsure/internal/insurance/quote"
	"github.com/openinsure/openinsure/internal/insurance/referral"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/rooms/room"
)

// dealBody is a deal; its ETag is of what it says, so that nobody can tell from
// it what else was done on the other side.
type dealBody struct {
	RoomID       string             `json:"roomId" example:"room_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	SubmissionID string             `json:"submissionId" example:"sub_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	Status       string             `json:"status" enum:"in_review,quoted,declined,withdrawn,expired,bound" doc:"Of the submission, as both sides may know it."`
	Quotes       []dealQuoteBody    `json:"quotes" nullable:"false" doc:"Prices that the broker was told and that still count, oldest first."`
	Referrals    []dealReferralBody `json:"referrals" nullable:"false" doc:"Questions for an underwriter that the room was told of, oldest first."`
}

type dealQuoteBody struct {
	ID           string                       `json:"id" example:"quo_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	Status       string                       `json:"status" enum:"quoted,offered,accepted,bound,expired" doc:"offered may be accepted."`
	GrossPremium Money                        `json:"grossPremium"`
	Terms        dealTermsBody                `json:"terms" doc:"What the price is for."`
	Schedule     map[string][]installmentBody `json:"schedule" doc:"What is due when, by instalment plan, if bound; plans that the premium is too small for are absent."`
	ByAgreement  []string                     `json:"plansByAgreement" nullable:"false" doc:"Plans that go by an agreement with somebody else, which says what is due when: PREMIUM_FINANCE."`
	ExpiresAt    time.Time                    `json:"expiresAt"`
	OfferedAt    *time.Time                   `json:"offeredAt,omitempty"`
	AcceptedAt   *time.Time                   `json:"acceptedAt,omitempty"`
}

type dealTermsBody struct {
	RequestedLimit Money    `json:"requestedLimit"`
	AggregateLimit Money    `json:"aggregateLimit,omitempty"`
	Deductible     Money    `json:"deductible,omitempty"`
	Exclusions     []string `json:"exclusions,omitempty" nullable:"false" doc:"What is not covered, of a counter-offer that was taken."`
}

type dealReferralBody struct {
	ID         string              `json:"id" example:"ref_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	Status     string              `json:"status" enum:"in_review,info_requested,decided,closed" doc:"As the room's cards say it."`
	Outcome    string              `json:"outcome,omitempty" enum:"approved,approved_with_conditions,countered,declined" doc:"Once it is decided."`
	Questions  []dealQuestionBody  `json:"questions" nullable:"false" doc:"That wait for an answer."`
	Conditions []dealConditionBody `json:"conditions" nullable:"false" doc:"Of an approval."`
	Counter    *dealCounterBody    `json:"counter,omitempty" doc:"Other terms than those asked for, while they wait for an answer."`
}

type dealQuestionBody struct {
	Number int    `json:"number" example:"1" doc:"By which it is answered."`
	Text   string `json:"text" example:"Are both claims closed?"`
}

type dealConditionBody struct {
	ID     string     `json:"id" example:"cnd_01J8K3M4N5P6Q7R8S9T0V1W2X3"`
	Kind   string     `json:"kind" enum:"pre_bind,post_bind" doc:"Whether bind waits for it."`
	Action string     `json:"action" example:"Send the roof inspection report."`
	DueAt  *time.Time `json:"dueAt,omitempty"`
	Status string     `json:"status" enum:"open,submitted,accepted,rejected,waived,expired" doc:"open and rejected ones may be submitted."`
	Note   string     `json:"note,omitempty" doc:"What was submitted."`
}

type dealCounterBody struct {
	Premium    *Money     `json:"premium,omitempty"`
	Limit      *Money     `json:"limit,omitempty"`
	Deductible *Money     `json:"deductible,omitempty"`
	Exclusions []string   `json:"exclusions,omitempty" nullable:"false"`
	ValidUntil *time.Time `json:"validUntil,omitempty" doc:"Until when it can be answered."`
}

func dealBodyOf(d deal.Deal) dealBody {
	b := dealBody{RoomID: d.Room.String(), SubmissionID: d.Submission.String(), Status: string(d.Status), Quotes: []dealQuoteBody{}, Referrals: []dealReferralBody{}}
	for _, q := range d.Quotes {
		b.Quotes = append(b.Quotes, dealQuoteBody{
			ID: q.ID.String(), Status: string(q.Status), GrossPremium: Money(q.GrossPremium),
			Terms:    dealTermsBody{Money(q.Limit), Money(q.Aggregate), Money(q.Deductible), q.Exclusions},
			Schedule: schedulesOf(q.GrossPremium), ByAgreement: plansByAgreement(), ExpiresAt: q.ExpiresAt, OfferedAt: q.OfferedAt, AcceptedAt: q.AcceptedAt,
		})
	}
	for _, r := range d.Referrals {
		one := dealReferralBody{ID: r.ID.String(), Status: r.Status, Outcome: string(r.Outcome), Questions: []dealQuestionBody{}, Conditions: []dealConditionBody{}}
		for _, q := range r.Questions {
			one.Questions = append(one.Questions, dealQuestionBody(q))
		}
		for _, c := range r.Conditions {
			one.Conditions = append(one.Conditions, dealConditionBody{ID: c.ID.String(), Kind: c.Kind, Action: c.Action, DueAt: c.DueAt, Status: c.Status, Note: c.Note})
		}
		if c := r.Counter; c != nil {
			one.Counter = &dealCounterBody{(*Money)(c.Premium), (*Money)(c.Limit), (*Money)(c.Deductible), c.Exclusions, c.ValidUntil}
		}
		b.Referrals = append(b.Referrals, one)
	}
	return b
}

// ETag implements the frame's tagged body.
func (b dealBody) ETag() string {
	text, err := json.Marshal(b)
	if err != nil {
		return "" // it is made of strings, numbers and times
	}
	sum := sha256.Sum256(text)
	return strconv.Quote(hex.EncodeToString(sum[:8]))
}

// sight guards a change from a room by the ETag of its deal.
func (m IfMatch) sight() insurance.Sight {
	if len(m.Match) == 0 {
		return nil
	}
	return func(current deal.Deal) error { return m.tagged(dealBodyOf(current).ETag()) }
}

// A dealMove is an operation on the deal of a room.
type dealMove[B any] struct {
	ByID
	IfMatch
	Body B
}

// ByReferral is the path of an operation on a referral in a room; exported so
// that huma sees through its embedding.
type ByReferral struct {
	ByID
	ReferralID string `path:"referralId" maxLength:"64" doc:"Of the room's deal."`
}

func (in ByReferral) ids() (at room.ID, id referral.ID, err error) {
	if at, err = parseRoom(in.ID); err == nil {
		err = pathID(&id, in.ReferralID)
	}
	return at, id, err
}

type acceptInRoomInput struct {
	ByID
	QuoteID string `path:"quoteId" maxLength:"64" doc:"Of the room's deal."`
	IfMatch
}

type referralInRoom[B any] struct {
	ByReferral
	IfMatch
	Body B
}

type submitInRoomInput struct {
	ByReferral
	ConditionID string `path:"conditionId" maxLength:"64"`
	IfMatch
	Body struct {
		Note string `json:"note" minLength:"1" maxLength:"5000" example:"The report is in the room." doc:"How it is met."`
	}
}

// withdrawBody is why a submission is withdrawn.
type withdrawBody struct {
	Reason  string `json:"reason" enum:"insured_request,coverage_elsewhere,price,no_longer_needed,broker_of_record_changed,entered_in_error,other" example:"coverage_elsewhere"`
	Message string `json:"message,omitempty" maxLength:"500" doc:"Both sides read it. Needed for the reason other."`
}

func (b withdrawBody) ending() submission.Ending {
	return submission.Ending{Reasons: []submission.Reason{submission.Reason(b.Reason)}, Message: b.Message}
}

// Resolve implements huma.Resolver.
func (b *withdrawBody) Resolve(ctx huma.Context) []error {
	return foreseen(ctx, b.ending().Check(submission.Withdraw))
}

type bindRequestBody struct {
	InstallmentPlan string `json:"installmentPlan" enum:"PIF,TWO_PAY,QUARTERLY,MONTHLY_10,MONTHLY_12,PREMIUM_FINANCE" example:"MONTHLY_10" doc:"One of the quote's schedule, or of its plansByAgreement; the agreement is entered at the bind."`
}

const whoDeals = " For the room's brokers, and for who leads it or may edit it, while they may write in it. If-Match takes the deal's ETag."

func (a *API) registerDeal(p Platform) {
	const tag, path = "Deal rooms", "/v1/deal-rooms/{id}"
	answer := func(d deal.Deal, err error) (*bodyOf[dealBody], error) { return &bodyOf[dealBody]{dealBodyOf(d)}, err }
	register(a, operation{
		Method: http.MethodGet, Path: path + "/deal", ID: "get-deal", Tag: tag, Scope: "rooms:read", Summary: "Get how the deal of a room stands",
		Description: "What both companies may know: prices that were told, questions, conditions and counter-offers. It says the same to everybody in the room.",
	}, func(ctx context.Context, in *ByID) (*bodyOf[dealBody], error) {
		id, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		return answer(p.Desk.Deal(ctx, access.From(ctx), id))
	})
	register(a, operation{
		Method: http.MethodPost, Path: path + "/quotes/{quoteId}/accept", ID: "accept-quote-in-room", Tag: tag, Scope: "rooms:write", Status: http.StatusOK, IfMatch: true,
		Summary: "Accept an offered quote from its deal room", Description: "As the underwriting side's own operation; of two acceptances the first wins." + whoDeals,
	}, func(ctx context.Context, in *acceptInRoomInput) (*bodyOf[dealBody], error) {
		at, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		var id quote.ID
		if err := pathID(&id, in.QuoteID); err != nil {
			return nil, err
		}
		return answer(p.Desk.AcceptInRoom(ctx, access.From(ctx), at, id, in.sight()))
	})
	register(a, operation{
		Method: http.MethodPost, Path: path + "/withdraw", ID: "withdraw-in-room", Tag: tag, Scope: "rooms:write", Status: http.StatusOK, IfMatch: true,
		Summary: "Withdraw a room's submission", Description: "Its quotes are not taken up, its questions end, and the room closes in time." + whoDeals,
	}, func(ctx context.Context, in *dealMove[withdrawBody]) (*bodyOf[dealBody], error) {
		at, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		return answer(p.Desk.WithdrawInRoom(ctx, access.From(ctx), at, in.Body.ending(), in.sight()))
	})
	register(a, operation{
		Method: http.MethodPost, Path: path + "/bind-request", ID: "request-bind-in-room", Tag: tag, Scope: "rooms:write", Status: http.StatusOK, IfMatch: true,
		Summary: "Ask that the accepted quote be bound", Description: "Says how it is to be paid; the room shows it, and underwriters bind." + whoDeals,
	}, func(ctx context.Context, in *dealMove[bindRequestBody]) (*bodyOf[dealBody], error) {
		at, err := parseRoom(in.ID)
		if err != nil {
			return nil, err
		}
		return answer(p.Desk.RequestBind(ctx, access.From(ctx), at, billing.Plan(in.Body.InstallmentPlan), in.sight()))
	})
	const of = path + "/referrals/{referralId}"
	register(a, operation{
		Method: http.MethodPost, Path: of + "/respond", ID: "respond-in-room", Tag: tag, Scope: "rooms:write", Status: http.StatusOK, IfMatch: true,
		Summary: "Answer what an underwriter asked in the room", Description: "Every open question of the deal; then it is the underwriter's turn." + whoDeals,
	}, func(ctx context.Context, in *referralInRoom[respondBody]) (*bodyOf[dealBody], error) {
		at, id, err := in.ids()
		if err != nil {
			return nil, err
		}
		return answer(p.Desk.RespondInRoom(ctx, access.From(ctx), at, id, in.Body.replies(), in.sight()))
	})
	register(a, operation{
		Method: http.MethodPost, Path: of + "/counter", ID: "answer-counter-in-room", Tag: tag, Scope: "rooms:write", Status: http.StatusOK, IfMatch: true,
		Summary: "Take the other terms of an underwriter, or refuse them", Description: "Taking them makes a new version of the quote. Refused, the question is in review again." + whoDeals,
	}, func(ctx context.Context, in *referralInRoom[counterAnswerBody]) (*bodyOf[dealBody], error) {
		at, id, err := in.ids()
		if err != nil {
			return nil, err
		}
		return answer(p.Desk.AnswerCounterInRoom(ctx, access.From(ctx), at, id, in.Body.Accept, in.Body.Rationale, in.sight()))
	})
	register(a, operation{
		Method: http.MethodPost, Path: of + "/conditions/{conditionId}/submit", ID: "submit-condition-in-room", Tag: tag, Scope: "rooms:write", Status: http.StatusOK, IfMatch: true,
		Summary: "Say that a condition is met, and how", Description: "An underwriter accepts that, or rejects it." + whoDeals,
	}, func(ctx context.Context, in *submitInRoomInput) (*bodyOf[dealBody], error) {
		at, id, err := in.ids()
		if err != nil {
			return nil, err
		}
		var of referral.ConditionID
		if err := pathID(&of, in.ConditionID); err != nil {
			return nil, err
		}
		return answer(p.Desk.SubmitInRoom(ctx, access.From(ctx), at, id, of, in.Body.Note, in.sight()))
	})
}
