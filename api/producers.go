package api

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/civil"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/producer"
	"github.com/openinsure/openinsure/store"
)

// ProducerBody is a producer; exported so that the document sees through its
// embedding.
type ProducerBody struct {
	versioned
	ID                     string             `json:"id"`
	OrgID                  string             `json:"orgId"`
	Type                   string             `json:"type" enum:"individual,agency,mga,wholesaler"`
	LegalName              string             `json:"legalName"`
	DBA                    string             `json:"dba,omitempty"`
	EIN                    string             `json:"ein,omitempty"`
	NPN                    string             `json:"npn"`
	Email                  string             `json:"email"`
	Phone                  string             `json:"phone,omitempty"`
	ParentProducerID       string             `json:"parentProducerId,omitempty" doc:"The firm that it belongs to, which needs a license as well."`
	FirmOrgID              string             `json:"firmOrgId,omitempty" doc:"The firm's organization here: its people hear of what it brings."`
	Status                 string             `json:"status" enum:"pending,active,suspended,terminated"`
	SanctionsReviewPending bool               `json:"sanctionsReviewPending" doc:"Somebody has to look at a match with a sanctions list: see screening."`
	Screening              producer.Screening `json:"screening"`
	ExternalID             string             `json:"externalId,omitempty"`
	Metadata               map[string]string  `json:"metadata"`
	CreatedBy              string             `json:"createdBy"`
	CreatedAt              time.Time          `json:"createdAt"`
	UpdatedAt              time.Time          `json:"updatedAt"`
}

func producerOf(p producer.Producer) ProducerBody {
	return ProducerBody{
		versioned: versioned{p.Version}, ID: p.ID.String(), OrgID: p.Org.String(), Type: string(p.Type), LegalName: p.LegalName, DBA: p.DBA, EIN: p.EIN,
		NPN: p.NPN, Email: p.Email, Phone: p.Phone, ParentProducerID: p.Parent.String(), FirmOrgID: p.Firm.String(), Status: string(p.Status),
		SanctionsReviewPending: p.Review, Screening: p.Screening, ExternalID: p.ExternalID, Metadata: metadataOf(p.Metadata),
		CreatedBy: p.CreatedBy, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

// producerDetail is a producer with what is on file about it.
type producerDetail struct {
	ProducerBody
	Licenses     []licenseBody     `json:"licenses" nullable:"false"`
	Appointments []appointmentBody `json:"appointments" nullable:"false"`
}

// dayIn is the day that a client names, if he does.
func dayIn(d *Date) civil.Date {
	if d == nil {
		return civil.Date{}
	}
	return d.Date
}

// dateOf is nil for no day.
func dateOf(d civil.Date) *Date {
	if d.IsZero() {
		return nil
	}
	return &Date{d}
}

type createProducerInput struct {
	Body struct {
		Type             string       `json:"type" enum:"individual,agency,mga,wholesaler"`
		LegalName        string       `json:"legalName" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]" example:"Harbor Brokers LLC"`
		DBA              string       `json:"dba,omitempty" maxLength:"200"`
		EIN              string       `json:"ein,omitempty" pattern:"^[0-9]{9}$" doc:"Nine digits."`
		NPN              string       `json:"npn" pattern:"^[0-9]{1,10}$" doc:"Of the national registry; unique among those who are not terminated." example:"1234567"`
		Email            string       `json:"email" format:"email" maxLength:"320"`
		Phone            string       `json:"phone,omitempty" maxLength:"40"`
		ParentProducerID producer.ID  `json:"parentProducerId,omitempty" maxLength:"64"`
		FirmOrgID        access.OrgID `json:"firmOrgId,omitempty" maxLength:"64" doc:"Of a firm whose people were in one of your deal rooms."`
		ExternalID       string       `json:"externalId,omitempty" minLength:"1" maxLength:"255" pattern:"[^\\s\\p{Z}\\p{C}]"`
		Metadata         Metadata     `json:"metadata,omitempty"`
	}
}

type patchProducerInput struct {
	ByID
	IfMatch
	Body struct {
		LegalName        *string       `json:"legalName,omitempty" minLength:"1" maxLength:"200" pattern:"[^\\s\\p{Z}\\p{C}]"`
		DBA              *string       `json:"dba,omitempty" maxLength:"200"`
		EIN              *string       `json:"ein,omitempty" pattern:"^([0-9]{9})?$"`
		Email            *string       `json:"email,omitempty" format:"email" maxLength:"320"`
		Phone            *string       `json:"phone,omitempty" maxLength:"40"`
		ParentProducerID *producer.ID  `json:"parentProducerId,omitempty" maxLength:"64" doc:"Empty: none."`
		FirmOrgID        *access.OrgID `json:"firmOrgId,omitempty" maxLength:"64" doc:"Empty: none."`
		Metadata         Metadata      `json:"metadata,omitempty"`
	}
}

type listProducersInput struct {
	Page
	Search     string `query:"search" maxLength:"200" doc:"Part of a name, of the NPN or of the e-mail address."`
	Status     string `query:"status" enum:"pending,active,suspended,terminated"`
	Type       string `query:"type" enum:"individual,agency,mga,wholesaler"`
	NPN        string `query:"npn" pattern:"^[0-9]{1,10}$"`
	ExternalID string `query:"externalId" maxLength:"255"`
}

func (a *API) registerProducers(p Platform) {
	const tag, read, write, path = "Producers", "producers:read", "producers:write", "/v1/producers"
	register(a, operation{
		Method: http.MethodPost, Path: path, ID: "create-producer", Tag: tag, Scope: write, Summary: "Take on a producer",
		Description: "The names are compared with a sanctions list: a match is refused with 403, a likeness waits for an administrator's review. " +
			"The producer is pending until it has a license in force and is activated.",
	}, p.createProducer)
	register(a, operation{
		Method: http.MethodGet, Path: path, ID: "list-producers", Tag: tag, Scope: read, Summary: "List and search producers, newest first",
	}, func(ctx context.Context, in *listProducersInput) (*bodyOf[List[ProducerBody]], error) {
		by := access.From(ctx)
		if err := p.onOrg(ctx, by, access.ReadProducers); err != nil {
			return nil, err
		}
		ps, err := p.DB.As(by).ProducersBy(ctx, store.ProducerFilter{
			Search: in.Search, Status: in.Status, Type: in.Type, NPN: in.NPN, ExternalID: in.ExternalID,
		}, in.page())
		return &bodyOf[List[ProducerBody]]{listOf(ps, in.Limit, producerOf, func(p producer.Producer) Cursor { return Cursor{p.CreatedAt, p.ID} })}, err
	})
	register(a, operation{
		Method: http.MethodGet, Path: path + "/{id}", ID: "get-producer", Tag: tag, Scope: read, Summary: "Get a producer with its licenses and appointments",
	}, p.getProducer)
	register(a, operation{
		Method: http.MethodPatch, Path: path + "/{id}", ID: "update-producer", Tag: tag, Scope: write, IfMatch: true, Summary: "Change a producer's profile",
		Description: "New names are compared with the sanctions list again.",
	}, p.patchProducer)
	register(a, operation{
		Method: http.MethodPatch, Path: path + "/{id}/status", ID: "set-producer-status", Tag: tag, Scope: write, IfMatch: true,
		Summary: "Activate, suspend or terminate a producer",
	}, func(ctx context.Context, in *struct {
		ByID
		IfMatch
		Body struct {
			Status string `json:"status" enum:"active,suspended,terminated"`
		}
	},
	) (*bodyOf[ProducerBody], error) {
		id, err := parseProducer(in.ID)
		if err != nil {
			return nil, err
		}
		moved, err := p.Desk.MoveProducer(ctx, access.From(ctx), id, producer.Status(in.Body.Status), in.Check)
		return &bodyOf[ProducerBody]{producerOf(moved)}, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: path + "/{id}/sanctions-review", ID: "review-sanctions", Tag: tag, Scope: write, Status: http.StatusOK, IfMatch: true,
		Summary: "Clear a likeness with a sanctions list, or end the business", Description: "For administrators.",
	}, func(ctx context.Context, in *struct {
		ByID
		IfMatch
		Body struct {
			Decision  string `json:"decision" enum:"clear,block"`
			Rationale string `json:"rationale" minLength:"1" maxLength:"2000" pattern:"[^\\s\\p{Z}\\p{C}]"`
		}
	},
	) (*bodyOf[ProducerBody], error) {
		id, err := parseProducer(in.ID)
		if err != nil {
			return nil, err
		}
		reviewed, err := p.Desk.ReviewSanctions(ctx, access.From(ctx), id, in.Body.Decision == "clear", in.Body.Rationale, in.Check)
		return &bodyOf[ProducerBody]{producerOf(reviewed)}, err
	})
	a.registerLicenses(p)
	a.registerAppointments(p)
}

func parseProducer(s string) (producer.ID, error) {
	var id producer.ID
	err := pathID(&id, s)
	return id, err
}

func (p Platform) createProducer(ctx context.Context, in *createProducerInput) (*bodyOf[ProducerBody], error) {
	b := in.Body
	made, err := p.Desk.TakeOn(ctx, access.From(ctx), producer.Producer{
		Type: producer.Type(b.Type), LegalName: b.LegalName, DBA: b.DBA, EIN: b.EIN, NPN: b.NPN, Email: b.Email, Phone: b.Phone, Parent: b.ParentProducerID, Firm: b.FirmOrgID,
		ExternalID: b.ExternalID, Metadata: b.Metadata,
	})
	return &bodyOf[ProducerBody]{producerOf(made)}, err
}

func (p Platform) getProducer(ctx context.Context, in *ByID) (*bodyOf[producerDetail], error) {
	by := access.From(ctx)
	id, err := parseProducer(in.ID)
	if err != nil {
		return nil, err
	}
	if err := p.onOrg(ctx, by, access.ReadProducers); err != nil {
		return nil, err
	}
	r := p.DB.As(by)
	found, err := r.Producer(ctx, id)
	if err != nil {
		return nil, err
	}
	d := producerDetail{ProducerBody: producerOf(found)}
	if d.Licenses, err = allToday(ctx, p, id, r.Licenses, licenseOf); err != nil {
		return nil, err
	}
	d.Appointments, err = allToday(ctx, p, id, r.Appointments, appointmentOf)
	return &bodyOf[producerDetail]{d}, err
}

// today is the day of the caller's organisation.
func (p Platform) today(ctx context.Context) (civil.Date, error) {
	at, err := p.at(ctx)
	return civil.DateOf(at), err
}

// asOfToday puts a thing as it stands today into an answer; err is that of who
// made it.
func asOfToday[T, B any](ctx context.Context, p Platform, v T, err error, body func(T, civil.Date) B) (*bodyOf[B], error) {
	if err != nil {
		return nil, err
	}
	today, err := p.today(ctx)
	return &bodyOf[B]{body(v, today)}, err
}

// allToday is asOfToday for what is on file about a producer.
func allToday[T, B any](ctx context.Context, p Platform, id producer.ID, read func(context.Context, producer.ID) ([]T, error), body func(T, civil.Date) B) ([]B, error) {
	all, err := read(ctx, id)
	if err != nil {
		return nil, err
	}
	today, err := p.today(ctx)
	out := make([]B, len(all))
	for i, v := range all {
		out[i] = body(v, today)
	}
	return out, err
}

func (p Platform) patchProducer(ctx context.Context, in *patchProducerInput) (*bodyOf[ProducerBody], error) {
	id, err := parseProducer(in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	changed, err := p.Desk.AmendProducer(ctx, access.From(ctx), id, func(to *producer.Producer) {
		set(&to.LegalName, b.LegalName)
		set(&to.DBA, b.DBA)
		set(&to.EIN, b.EIN)
		set(&to.Email, b.Email)
		set(&to.Phone, b.Phone)
		set(&to.Parent, b.ParentProducerID)
		set(&to.Firm, b.FirmOrgID)
		if b.Metadata != nil {
			to.Metadata = b.Metadata
		}
	}, in.Check)
	return &bodyOf[ProducerBody]{producerOf(changed)}, err
}

// fileOf reads the id of a producer, whose file the caller may read.
func (p Platform) fileOf(ctx context.Context, s string) (producer.ID, error) {
	id, err := parseProducer(s)
	if err != nil {
		return id, err
	}
	by := access.From(ctx)
	if err := p.onOrg(ctx, by, access.ReadProducers); err != nil {
		return id, err
	}
	_, err = p.DB.As(by).Producer(ctx, id)
	return id, err
}

// distinct reports a value that a list holds twice.
func distinct(field string, values []string) error {
	seen := map[string]bool{}
	for _, v := range values {
		if seen[v] {
			return fault.ErrValidation.Field(field, "unique")
		}
		seen[v] = true
	}
	return nil
}
