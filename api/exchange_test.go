package api

import "testing"

func TestExchangeWithoutServer(t *testing.T) {
	w := newWorld(t)
	got := w.must(503, "a-session", "POST", "/auth/better/exchange", "")
	if got["error"] != "auth_not_configured" || got["details"].(map[string]any)["setting"] != "AUTH_SESSION_URL" {
		t.Errorf("got %v", got)
	}
}
