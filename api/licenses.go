package api

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/civil"
	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/insurance/producer"
)

type licenseBody struct {
	ID             string    `json:"id"`
	ProducerID     string    `json:"producerId"`
	Number         string    `json:"number"`
	Type           string    `json:"type" enum:"property_casualty,life_health,surplus_lines,adjuster,consultant"`
	State          string    `json:"state"`
	Lines          []string  `json:"lines" nullable:"false" doc:"None: all lines of its type."`
	EffectiveDate  Date      `json:"effectiveDate"`
	ExpirationDate Date      `json:"expirationDate" doc:"The first day on which it is good no more."`
	Status         string    `json:"status" enum:"active,pending_renewal,suspended,revoked" doc:"What the state says."`
	Standing       string    `json:"standing" enum:"active,expiring_soon,expired,not_yet_effective,pending_renewal,suspended,revoked" doc:"How it stands today; expiring_soon is within 60 days."`
	CreatedAt      time.Time `json:"createdAt"`
	UpdatedAt      time.Time `json:"updatedAt"`
}

func licenseOf(l producer.License, today civil.Date) licenseBody {
	return licenseBody{
		ID: l.ID.String(), ProducerID: l.Producer.String(), Number: l.Number, Type: string(l.Type), State: l.State, Lines: append([]string{}, l.Lines...),
		EffectiveDate: Date{l.Effective}, ExpirationDate: Date{l.Expiration}, Status: string(l.Status), Standing: l.Standing(today),
		CreatedAt: l.CreatedAt, UpdatedAt: l.UpdatedAt,
	}
}

type addLicenseInput struct {
	ByID
	Body struct {
		Number         string   `json:"number" minLength:"1" maxLength:"60" pattern:"[^\\s\\p{Z}\\p{C}]"`
		Type           string   `json:"type" enum:"property_casualty,life_health,surplus_lines,adjuster,consultant"`
		State          USState  `json:"state"`
		Lines          []string `json:"lines,omitempty" nullable:"false" maxItems:"7" enum:"GL,CYBER,EO,WC,PROPERTY,UMBRELLA,COMMERCIAL_AUTO" doc:"None: all lines of its type."`
		EffectiveDate  Date     `json:"effectiveDate"`
		ExpirationDate Date     `json:"expirationDate" doc:"The first day on which it is good no more."`
		Status         string   `json:"status,omitempty" enum:"active,pending_renewal,suspended,revoked" default:"active"`
	}
}

// license is what is noted of a producer.
func (in *addLicenseInput) license(of producer.ID) producer.License {
	b := in.Body
	return producer.License{
		Producer: of, Number: b.Number, Type: producer.LicenseType(b.Type), State: string(b.State), Lines: b.Lines, Effective: b.EffectiveDate.Date,
		Expiration: b.ExpirationDate.Date, Status: producer.LicenseStatus(b.Status),
	}
}

// Resolve implements huma.Resolver.
func (in *addLicenseInput) Resolve(ctx huma.Context) []error {
	foreseen(ctx, in.license(producer.ID{}).Check())
	return found(ctx, distinct("lines", in.Body.Lines))
}

func (a *API) registerLicenses(p Platform) {
	const tag, path = "Producers", "/v1/producers/{id}/licenses"
	register(a, operation{
		Method: http.MethodGet, Path: path, ID: "list-licenses", Tag: tag, Scope: "producers:read", Summary: "List a producer's licenses, the oldest first",
	}, func(ctx context.Context, in *ByID) (*bodyOf[List[licenseBody]], error) {
		id, err := p.fileOf(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		ls, err := allToday(ctx, p, id, p.DB.As(access.From(ctx)).Licenses, licenseOf)
		return &bodyOf[List[licenseBody]]{List[licenseBody]{Data: ls}}, err
	})
	register(a, operation{
		Method: http.MethodPost, Path: path, ID: "add-license", Tag: tag, Scope: "producers:write", Summary: "Note a license of a producer",
	}, func(ctx context.Context, in *addLicenseInput) (*bodyOf[licenseBody], error) {
		id, err := parseProducer(in.ID)
		if err != nil {
			return nil, err
		}
		l, err := p.Desk.AddLicense(ctx, access.From(ctx), in.license(id))
		return asOfToday(ctx, p, l, err, licenseOf)
	})
	register(a, operation{
		Method: http.MethodPatch, Path: path + "/{licenseId}", ID: "update-license", Tag: tag, Scope: "producers:write", Summary: "Note what the state says of a license",
	}, func(ctx context.Context, in *struct {
		ByID
		LicenseID string `path:"licenseId" maxLength:"64"`
		Body      struct {
			Status         string `json:"status,omitempty" enum:"active,pending_renewal,suspended,revoked"`
			ExpirationDate *Date  `json:"expirationDate,omitempty"`
		}
	},
	) (*bodyOf[licenseBody], error) {
		id, err := parseProducer(in.ID)
		if err != nil {
			return nil, err
		}
		var license producer.LicenseID
		if err := pathID(&license, in.LicenseID); err != nil {
			return nil, err
		}
		l, err := p.Desk.AmendLicense(ctx, access.From(ctx), id, license, producer.LicenseStatus(in.Body.Status), dayIn(in.Body.ExpirationDate))
		return asOfToday(ctx, p, l, err, licenseOf)
	})
}
