package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/audit"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
)

type deviceBody struct {
	ID           string    `json:"id"`
	Platform     string    `json:"platform" enum:"ios,android"`
	App          string    `json:"app,omitempty"`
	Environment  string    `json:"environment" enum:"production,sandbox"`
	Installation bool      `json:"installation"`
	Locale       string    `json:"locale,omitempty"`
	Timezone     string    `json:"timezone,omitempty"`
	AppVersion   string    `json:"appVersion,omitempty"`
	RegisteredAt time.Time `json:"registeredAt" doc:"The last time."`
	LastSeenAt   time.Time `json:"lastSeenAt"`
}

func deviceOf(d push.Device) deviceBody {
	return deviceBody{
		ID: d.ID.String(), Platform: d.Platform, App: d.App, Environment: d.Environment, Installation: d.Installation, Locale: d.Locale,
		Timezone: d.Timezone, AppVersion: d.AppVersion, RegisteredAt: d.RegisteredAt, LastSeenAt: d.LastSeenAt,
	}
}

type createDeviceInput struct {
	Body struct {
		Token        string `json:"token" minLength:"1" maxLength:"4096" pattern:"[^\\s\\p{Z}\\p{C}]" doc:"What APNs (ios) or Firebase (android) gave the app. It is never shown again."`
		Platform     string `json:"platform" enum:"ios,android"`
		App          string `json:"app,omitempty" maxLength:"200" pattern:"^[A-Za-z0-9._-]+$" doc:"Bundle id or package name, when it is not the organization's usual app."`
		Environment  string `json:"environment,omitempty" enum:"production,sandbox" default:"production" doc:"Of APNs; development builds get tokens of the sandbox."`
		Installation bool   `json:"installation,omitempty" doc:"token is a Firebase installation id."`
		Locale       string `json:"locale,omitempty" maxLength:"35" doc:"BCP 47." example:"en-US"`
		Timezone     string `json:"timezone,omitempty" maxLength:"64" doc:"IANA." example:"America/Los_Angeles"`
		AppVersion   string `json:"appVersion,omitempty" maxLength:"40"`
	}
}

// deviceOutput is 201 with a new device, 200 with one that was known.
type deviceOutput struct {
	Status int
	Body   deviceBody
}

func (a *API) registerDevices(p Platform) {
	for _, s := range sides {
		path, id, noun := s.path+"/devices", s.id+"-device", "device"
		if s.kind == access.Insured {
			path, id, noun = s.path+"/push-tokens", s.id+"-push-token", "push token"
		}
		register(a, operation{
			Method: http.MethodPost, Path: path, ID: "register-" + id, Tag: s.tag, Summary: "Register a phone for push notifications",
			Description: "Call it whenever the app starts: the same token again is the same " + noun + " (200), and is yours from then on, whoever had it before. You have at most 20; the one that was not seen for longest goes.",
		}, func(ctx context.Context, in *createDeviceInput) (*deviceOutput, error) {
			return p.createDevice(ctx, s, in)
		})
		register(a, operation{
			Method: http.MethodDelete, Path: path + "/{id}", ID: "delete-" + id, Tag: s.tag, Summary: "Send nothing more to a phone",
		}, func(ctx context.Context, in *ByID) (*struct{}, error) { return nil, p.deleteDevice(ctx, s, in) })
		if s.kind == access.Insured {
			continue // as the reference has it
		}
		register(a, operation{
			Method: http.MethodGet, Path: path, ID: "list-" + id + "s", Tag: s.tag, Summary: "List your phones, the last registered first",
		}, func(ctx context.Context, in *struct{ Page }) (*bodyOf[List[deviceBody]], error) {
			by, err := s.person(ctx)
			if err != nil {
				return nil, err
			}
			ds, err := p.DB.As(by).Devices(ctx, by.ID, in.page())
			return &bodyOf[List[deviceBody]]{listOf(ds, in.Limit, deviceOf, func(d push.Device) Cursor { return Cursor{d.RegisteredAt, d.ID} })}, err
		})
	}
}

func (p Platform) createDevice(ctx context.Context, s side, in *createDeviceInput) (*deviceOutput, error) {
	by, err := s.person(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	check := push.CheckToken
	if b.Installation {
		check = push.CheckInstallation
	}
	kind, err := check(b.Platform, b.Token)
	if err != nil {
		return nil, err
	}
	if kind == push.APNs {
		b.Token = strings.ToLower(b.Token) // hex: one phone, however an app writes it
	}
	if b.Locale, err = locale(b.Locale, "locale"); err != nil {
		return nil, err
	}
	if err := checkTimezone(b.Timezone, "timezone"); err != nil {
		return nil, err
	}
	now := p.Now().UTC().Truncate(time.Microsecond)
	out := &deviceOutput{Status: http.StatusCreated}
	err = p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		d, known, err := tx.AddDevice(ctx, push.Device{
			ID: push.NewDeviceID(now), Org: by.Org, Subject: by.ID, App: b.App, Platform: b.Platform, Kind: kind, Address: b.Token,
			Installation: b.Installation, Environment: b.Environment, Locale: b.Locale, Timezone: b.Timezone, AppVersion: b.AppVersion,
			RegisteredAt: now, LastSeenAt: now, SignIn: by.SignIn,
		})
		if known {
			out.Status = http.StatusOK
		}
		out.Body = deviceOf(d)
		if err == nil && !known {
			tx.Audit(by, audit.Fact{Action: audit.DeviceAdded, Object: d.ID.String(), Details: audit.Details{"platform": d.Platform}})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (p Platform) deleteDevice(ctx context.Context, s side, in *ByID) error {
	by, err := s.person(ctx)
	if err != nil {
		return err
	}
	var id push.DeviceID
	if err := pathID(&id, in.ID); err != nil {
		return err
	}
	return p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		tx.Audit(by, audit.Fact{Action: audit.DeviceRemoved, Object: id.String()})
		return tx.DeleteDevice(ctx, by.ID, id)
	})
}

// locale reads a BCP 47 tag into its usual spelling; empty stays empty.
func locale(s, field string) (string, error) {
	if s == "" {
		return "", nil
	}
	tag, err := language.Parse(s)
	if err != nil || tag.IsRoot() || len(tag.String()) > 35 {
		return "", fault.ErrValidation.Field(field, "locale")
	}
	return tag.String(), nil
}

// checkTimezone says whether a name is one of the IANA's; empty is none.
func checkTimezone(s, field string) error {
	if s == "" {
		return nil
	}
	if _, err := time.LoadLocation(s); err != nil || s == "Local" {
		return fault.ErrValidation.Field(field, "timezone")
	}
	return nil
}
