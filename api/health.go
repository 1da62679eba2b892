package api

import (
	"context"
	"errors"
	"net/http"
	"time"
)

var errReadyTimeout = errors.New("readiness check")

// serveHealth mounts the two questions that a balancer asks. They are never
// refused for asking too often.
func (a *API) serveHealth() {
	a.mux.Get("/healthz", func(w http.ResponseWriter, r *http.Request) { a.write(w, r, okAnswer()) })
	a.mux.Get("/readyz", func(w http.ResponseWriter, r *http.Request) {
		if a.draining.Load() {
			a.fail(w, r, errDraining)
			return
		}
		ctx, cancel := context.WithTimeoutCause(r.Context(), 2*time.Second, errReadyTimeout)
		defer cancel()
		if err := a.cfg.Ready(ctx); err != nil {
			a.fail(w, r, errNotReady.Because(err))
			return
		}
		a.write(w, r, a.readyAnswer())
	})
}

// readyAnswer also tells of parts that are unwell and can be done without.
func (a *API) readyAnswer() Answer {
	ok := okAnswer()
	if a.cfg.Parts != nil {
		b, err := marshal(map[string]any{"status": "ok", "parts": a.cfg.Parts()})
		if err == nil { // strings always are JSON
			ok.Body = b
		}
	}
	return ok
}

func okAnswer() Answer {
	return Answer{Status: http.StatusOK, Header: map[string]string{"Content-Type": jsonType}, Body: []byte("{\"status\":\"ok\"}\n")}
}
