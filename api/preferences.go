package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/rooms/room"
	"github.com/openinsure/openinsure/store"
)

type categoryBody struct {
	Category string `json:"category" enum:"rooms,referrals,policies,claims,billing,admin"`
	Push     bool   `json:"push"`
	Mail     bool   `json:"mail"`
}

// quietHours is the schema of quietHoursBody, null aside.
type quietHours struct {
	From     string `json:"from" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" doc:"HH:MM of his own clock." example:"22:00"`
	Until    string `json:"until" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" doc:"May be earlier than from: the next day's." example:"07:00"`
	Timezone string `json:"timezone" minLength:"1" maxLength:"64" doc:"IANA." example:"America/Los_Angeles"`
}

type quietHoursBody quietHours

// Schema implements huma.SchemaProvider: of a struct, huma itself does not say
// that it may be null.
func (quietHoursBody) Schema(r huma.Registry) *huma.Schema {
	s := huma.SchemaFromType(r, reflect.TypeFor[quietHours]())
	s.Nullable = true
	return s
}

type preferencesBody struct {
	versioned
	Locale     *string         `json:"locale" nullable:"true" doc:"BCP 47; null: as your program asks."`
	Categories []categoryBody  `json:"categories" nullable:"false" doc:"Every category; the inbox has them all, whatever they say."`
	MutedRooms []string        `json:"mutedRooms" nullable:"false" doc:"Deal rooms of which only mentions of you ring."`
	QuietHours *quietHoursBody `json:"quietHours" doc:"When phones stay silent but for what is urgent; null: never."`
}

func preferencesOf(p push.Preferences) preferencesBody {
	b := preferencesBody{versioned: versioned{p.Version}, MutedRooms: notNil(p.Rooms)}
	if p.Locale != "" {
		b.Locale = &p.Locale
	}
	for _, c := range event.Categories {
		b.Categories = append(b.Categories, categoryBody{Category: c, Push: p.Allows(c, push.APNs), Mail: p.Allows(c, push.Mail)})
	}
	if q := p.Quiet; q != nil {
		b.QuietHours = &quietHoursBody{From: clock(q.From), Until: clock(q.Until), Timezone: q.Timezone}
	}
	return b
}

// clock is minutes after midnight as a clock shows them.
func clock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// minutes reads what clock writes; the pattern has seen to its form.
func minutes(clock string) int {
	h, _ := strconv.Atoi(clock[:2])
	m, _ := strconv.Atoi(clock[3:])
	return h*60 + m
}

type putPreferencesInput struct {
	IfMatch
	Body struct {
		Locale     *string         `json:"locale,omitempty" nullable:"true" maxLength:"35" doc:"BCP 47; null: as your program asks."`
		Categories []categoryBody  `json:"categories,omitempty" nullable:"false" maxItems:"50" doc:"One that is not named reaches you everywhere."`
		MutedRooms []string        `json:"mutedRooms,omitempty" nullable:"false" maxItems:"200" doc:"Deal rooms of which only mentions of you ring."`
		QuietHours *quietHoursBody `json:"quietHours,omitempty" nullable:"true" doc:"When phones stay silent but for what is urgent; null: never."`
	}
}

func (a *API) registerPreferences(p Platform) {
	for _, s := range sides {
		path := s.path + "/preferences"
		register(a, operation{
			Method: http.MethodGet, Path: path, ID: "get-" + s.id + "-preferences", Tag: s.tag, Summary: "What reaches you where",
		}, func(ctx context.Context, _ *struct{}) (*bodyOf[preferencesBody], error) {
			by, err := s.person(ctx)
			if err != nil {
				return nil, err
			}
			pref, err := p.DB.As(by).Preferences(ctx, by.ID)
			return &bodyOf[preferencesBody]{preferencesOf(pref)}, err
		})
		register(a, operation{
			Method: http.MethodPut, Path: path, ID: "set-" + s.id + "-preferences", Tag: s.tag, IfMatch: true,
			Summary: "Say what reaches you where", Description: "Replaces all of it: what is left out is as if you had never said anything.",
		}, func(ctx context.Context, in *putPreferencesInput) (*bodyOf[preferencesBody], error) {
			return p.putPreferences(ctx, s, in)
		})
	}
}

func (p Platform) putPreferences(ctx context.Context, s side, in *putPreferencesInput) (*bodyOf[preferencesBody], error) {
	by, err := s.person(ctx)
	if err != nil {
		return nil, err
	}
	want, err := in.preferences()
	if err != nil {
		return nil, err
	}
	err = p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		was, err := tx.LockPreferences(ctx, by.ID)
		if err != nil {
			return err
		}
		if err := in.Check(was.Version); err != nil {
			return err
		}
		want.Version = was.Version
		want.Version, err = tx.SavePreferences(ctx, by.ID, want, p.Now().UTC().Truncate(time.Microsecond))
		return err
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[preferencesBody]{preferencesOf(want)}, nil
}

// preferences reads what a person wants and names what is wrong with it.
func (in *putPreferencesInput) preferences() (push.Preferences, error) {
	var p push.Preferences
	var err error
	b := in.Body
	if b.Locale != nil {
		if p.Locale, err = locale(*b.Locale, "locale"); err != nil {
			return p, err
		}
	}
	seen := map[string]bool{}
	for i, c := range b.Categories {
		if seen[c.Category] {
			return p, fault.ErrValidation.Field(fmt.Sprintf("categories[%d].category", i), "unique")
		}
		seen[c.Category] = true
		if !c.Push {
			p.NoPush = append(p.NoPush, c.Category)
		}
		if !c.Mail {
			p.NoMail = append(p.NoMail, c.Category)
		}
	}
	for i, s := range b.MutedRooms {
		field := fmt.Sprintf("mutedRooms[%d]", i)
		var id room.ID
		if err := id.UnmarshalText([]byte(s)); err != nil || id.IsZero() {
			return p, fault.ErrValidation.Field(field, "id")
		}
		if slices.Contains(p.Rooms, id.String()) {
			return p, fault.ErrValidation.Field(field, "unique")
		}
		p.Rooms = append(p.Rooms, id.String())
	}
	if q := b.QuietHours; q != nil {
		if err := checkTimezone(q.Timezone, "quietHours.timezone"); err != nil {
			return p, err
		}
		if q.From == q.Until {
			return p, fault.ErrValidation.Saying("Quiet hours end at another time than they begin.").Field("quietHours.until", "different")
		}
		p.Quiet = &push.QuietHours{From: minutes(q.From), Until: minutes(q.Until), Timezone: q.Timezone}
	}
	return p, nil
}
