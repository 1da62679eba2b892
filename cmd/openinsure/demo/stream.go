package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// follow opens a stream of server-sent events of one channel, and returns once
// it is heard.
func (p *player) follow(ctx context.Context, who string, by caller, channel string, ear *Ear) error {
	req, err := http.NewRequestWithContext(p.hearing, http.MethodGet, by.base+"/v1/events/stream?channel="+url.QueryEscape(channel), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+by.token)
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s's stream: %w", who, err)
	}
	if res.StatusCode != http.StatusOK {
		_ = res.Body.Close() // it says no more than the status
		return fmt.Errorf("%s's stream of %s: %s", who, channel, res.Status)
	}
	started, ended := make(chan struct{}), make(chan error, 1)
	p.work.Go(func() {
		err := readStream(res, started, func(f wireFrame, at time.Time) error {
			var e envelope
			if err := json.Unmarshal(f.Event, &e); err != nil {
				return err
			}
			ears{channel: ear}.take(p.ledger, who, f.Channel, f.Seq, e, at)
			return nil
		})
		ended <- err
		if p.hearing.Err() == nil {
			p.ledger.Trouble(fmt.Sprintf("%s's stream broke: %v", who, err))
		}
	})
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, errors.New("it was not opened in time"))
	defer cancel()
	select {
	case <-started:
		return nil
	case err := <-ended:
		return fmt.Errorf("%s's stream: %w", who, err)
	case <-ctx.Done():
		return fmt.Errorf("%s's stream: %w", who, context.Cause(ctx))
	}
}

// readStream reads events until the stream ends, and closes started with the
// first id: from there on everything is told.
func readStream(res *http.Response, started chan<- struct{}, heard func(wireFrame, time.Time) error) error {
	defer func() { _ = res.Body.Close() }() // it is over
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 4<<20)
	open := false
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "id":
			if !open {
				open = true
				close(started)
			}
		case "event":
			return fmt.Errorf("it was sent %s", value)
		case "data":
			var f wireFrame
			if err := json.Unmarshal([]byte(value), &f); err != nil {
				return err
			}
			if f.Type != "entry" {
				continue
			}
			if err := heard(f, time.Now()); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return errors.New("the server ended it")
}
