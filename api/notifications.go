package api

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/text/language"

	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
)

type notificationBody struct {
	ID        string     `json:"id"`
	EventID   string     `json:"eventId"`
	Type      string     `json:"type" doc:"Of the event."`
	Category  string     `json:"category" enum:"rooms,referrals,policies,claims,billing,admin"`
	Title     string     `json:"title"`
	Body      string     `json:"body"`
	About     string     `json:"about" doc:"The id of what it happened to."`
	Link      string     `json:"link,omitempty" doc:"The path of what to open."`
	Urgent    bool       `json:"urgent"`
	CreatedAt time.Time  `json:"createdAt"`
	ReadAt    *time.Time `json:"readAt" nullable:"true"`
}

// notificationIn shows a notice in the first language that it has words in.
func notificationIn(languages []string) func(push.Received) notificationBody {
	return func(n push.Received) notificationBody {
		words := n.In("en")
		for _, l := range languages {
			if w, ok := n.Words[l]; ok {
				words = w
				break
			}
		}
		return notificationBody{
			ID: n.ID.String(), EventID: n.Event.String(), Type: n.Type, Category: n.Category, Title: words.Title, Body: words.Body,
			About: n.About, Link: n.Link, Urgent: n.Urgent, CreatedAt: n.CreatedAt, ReadAt: n.ReadAt,
		}
	}
}

type inboxBody struct {
	List[notificationBody]
	Unread int `json:"unread" doc:"How many you have not read, in all categories; at most 1000."`
}

// Tongue is embedded in the input of what answers with words.
type Tongue struct {
	AcceptLanguage string `header:"Accept-Language" doc:"Counts as long as your preferences name no locale."`
}

type listNotificationsInput struct {
	Page
	Tongue
	Unread   bool   `query:"unread" doc:"true: only what you have not read."`
	Category string `query:"category" enum:"rooms,referrals,policies,claims,billing,admin"`
}

type readNotificationInput struct {
	ByID
	Tongue
}

type readAllBody struct {
	Read int64 `json:"read" doc:"How many you had not read."`
}

func (a *API) registerNotifications(p Platform) {
	for _, s := range sides {
		path := s.path + "/notifications"
		register(a, operation{
			Method: http.MethodGet, Path: path, ID: "list-" + s.id + "-notifications", Tag: s.tag, Summary: "List your inbox, newest first",
		}, func(ctx context.Context, in *listNotificationsInput) (*bodyOf[inboxBody], error) {
			return p.inbox(ctx, s, in)
		})
		register(a, operation{
			Method: http.MethodPost, Path: path + "/{id}/read", ID: "read-" + s.id + "-notification", Tag: s.tag, Status: 200,
			Summary: "Note that you have read a notification", Description: "The first time counts.",
		}, func(ctx context.Context, in *readNotificationInput) (*bodyOf[notificationBody], error) {
			return p.readNotification(ctx, s, in)
		})
		register(a, operation{
			Method: http.MethodPost, Path: path + "/read-all", ID: "read-all-" + s.id + "-notifications", Tag: s.tag, Status: 200,
			Summary: "Note that you have read everything",
		}, func(ctx context.Context, _ *struct{}) (*bodyOf[readAllBody], error) {
			by, err := s.person(ctx)
			if err != nil {
				return nil, err
			}
			var n int64
			err = p.DB.InTx(ctx, by, func(tx *store.Tx) error {
				n, err = tx.ReadNotifications(ctx, by.ID, p.Now().UTC().Truncate(time.Microsecond))
				return err
			})
			return &bodyOf[readAllBody]{readAllBody{n}}, err
		})
	}
}

func (p Platform) inbox(ctx context.Context, s side, in *listNotificationsInput) (*bodyOf[inboxBody], error) {
	by, err := s.person(ctx)
	if err != nil {
		return nil, err
	}
	var out inboxBody
	err = p.DB.Snapshot(ctx, by, func(r store.Reader) error {
		ns, err := r.Notifications(ctx, by.ID, store.NotificationFilter{Unread: in.Unread, Category: in.Category}, in.page())
		if err != nil {
			return err
		}
		languages, err := in.languages(ctx, r, by.ID)
		if err != nil {
			return err
		}
		out.List = listOf(ns, in.Limit, notificationIn(languages), func(n push.Received) Cursor { return Cursor{n.CreatedAt, n.ID} })
		out.Unread, err = r.Unread(ctx, by.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[inboxBody]{out}, nil
}

func (p Platform) readNotification(ctx context.Context, s side, in *readNotificationInput) (*bodyOf[notificationBody], error) {
	by, err := s.person(ctx)
	if err != nil {
		return nil, err
	}
	var id push.NoticeID
	if err := pathID(&id, in.ID); err != nil {
		return nil, err
	}
	var out notificationBody
	err = p.DB.InTx(ctx, by, func(tx *store.Tx) error {
		n, err := tx.ReadNotification(ctx, by.ID, id, p.Now().UTC().Truncate(time.Microsecond))
		if err != nil {
			return err
		}
		languages, err := in.languages(ctx, tx.Reader, by.ID)
		out = notificationIn(languages)(n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &bodyOf[notificationBody]{out}, nil
}

// languages returns those that a person reads, the best first: the one of his
// preferences, or what his program asks for.
func (t Tongue) languages(ctx context.Context, r store.Reader, subject string) ([]string, error) {
	pref, err := r.Preferences(ctx, subject)
	if err != nil {
		return nil, err
	}
	tags, _, err := language.ParseAcceptLanguage(t.AcceptLanguage)
	if pref.Locale != "" {
		tags, err = []language.Tag{language.Make(pref.Locale)}, nil
	}
	if err != nil {
		return nil, nil // as good as none
	}
	out := make([]string, len(tags))
	for i, tag := range tags {
		base, _ := tag.Base()
		out[i] = base.String()
	}
	return out, nil
}
