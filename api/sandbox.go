package api

import (
	"context"
	"net/http"

	"github.com/openinsure/openinsure/internal/access"
)

type resetBody struct {
	ClockBody
	Deleted map[string]int64 `json:"deleted" nullable:"false" doc:"How much there was: submissions, quotes, policies, invoices, referrals, dealRooms, files, producers, bordereaux, events, deliveries, notifications."`
}

func (a *API) registerSandbox(p Platform) {
	register(a, operation{
		Method: http.MethodPost, Path: "/v1/sandbox/reset", ID: "reset-sandbox", Tag: "Sandbox", Scope: "sandbox:write", Status: http.StatusOK,
		Summary: "Delete the business of your organization",
		Description: "Submissions, quotes, policies, invoices, referrals, deal rooms with all that was said and left in them, producers, bordereaux, events and " +
			"deliveries, inboxes; policy numbers begin at 1 again, and the test clock is taken away. Users, keys, webhooks, programs and rates, carriers, agreements, authority, " +
			"calendars, flags, policyholders and the audit log stay. For administrators. Not in production: 403 `sandbox_off`.",
	}, func(ctx context.Context, _ *struct{}) (*bodyOf[resetBody], error) {
		r, err := p.Desk.Reset(ctx, access.From(ctx))
		return &bodyOf[resetBody]{resetBody{clockOf(r.Clock), r.Deleted}}, err
	})
}
