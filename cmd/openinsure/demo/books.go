package demo

import (
	"context"
	"net/url"
	"time"
)

// books asks the platform what it says of the deal.
func (p *player) books(ctx context.Context) (Books, error) {
	b := Books{Strangers: !p.servers.own(), Endpoint: p.cast.hook}
	var err error
	if b.Listed, err = pages[envelope](ctx, p.cast.integrator, "/v1/events", func(e envelope) bool { return e.Timestamp.Before(p.began.Add(-time.Second)) }); err != nil {
		return b, err
	}
	if p.cast.hook != nil {
		b.Deliveries, err = pages[delivery](ctx, p.cast.integrator, "/v1/webhooks/"+p.cast.webhookID+"/deliveries", nil)
		if err != nil {
			return b, err
		}
	}
	b.Inboxes = map[*Ear][]mark{}
	for _, who := range []struct {
		ear  *Ear
		by   caller
		path string
	}{
		{p.cast.unaInbox, p.cast.una.caller, "/v1/me/notifications"}, {p.cast.benInbox, p.cast.ben.caller, "/v1/me/notifications"},
		{p.cast.patInbox, p.cast.pat.caller, "/v1/portal/notifications"},
	} {
		if b.Inboxes[who.ear], err = pages[mark](ctx, who.by, who.path, nil); err != nil {
			return b, err
		}
	}
	return b, nil
}

// pages reads a list, the newest first, up to the first that is not wanted.
func pages[T any](ctx context.Context, by caller, path string, enough func(T) bool) ([]T, error) {
	all := []T{}
	for cursor := ""; ; {
		var page struct {
			Data       []T    `json:"data"`
			HasMore    bool   `json:"hasMore"`
			NextCursor string `json:"nextCursor"`
		}
		if err := by.get(ctx, path+"?limit=100&cursor="+url.QueryEscape(cursor), &page); err != nil {
			return nil, err
		}
		for _, one := range page.Data {
			if enough != nil && enough(one) {
				return all, nil
			}
			all = append(all, one)
		}
		if cursor = page.NextCursor; !page.HasMore || cursor == "" {
			return all, nil
		}
	}
}
