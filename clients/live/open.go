package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/coder/websocket"
)

// A Refused is the server's no to something that will not succeed when it is
// tried again as it is.
type Refused struct {
	Status  int    // of HTTP, or a close code 44xx; 0 for an answer on the socket
	Code    string // forbidden, not_found, …
	Message string // a sentence for people
}

// Error implements error.
func (r *Refused) Error() string {
	if r.Message == "" {
		return fmt.Sprintf("refused: %s (%d)", r.Code, r.Status)
	}
	return r.Message + " (" + r.Code + ")"
}

// An unavailable is a refusal that may pass.
type unavailable struct {
	Refused
	after time.Duration // as the server wishes
}

// An unauthorized is the refusal of a credential; another one may be good.
type unauthorized struct{ Refused }

// A link is an open connection and the first frames on it.
type link struct {
	conn  *websocket.Conn
	token string // that opened it
	first frame
	more  [][]byte // that came with the first
}

// open makes a connection, and reads its first frame.
func (c *Client) open(ctx context.Context) (link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, openTimeout, errors.New("open a connection"))
	defer cancel()
	token, err := c.cfg.Credential(ctx)
	if err != nil {
		return link{}, fmt.Errorf("credential: %w", err)
	}
	l, err := c.openWith(ctx, token)
	if no, ok := errors.AsType[*unauthorized](err); ok {
		return l, c.stale(ctx, no, token)
	}
	return l, err
}

// stale returns the error of a credential that was refused: there is no use in
// trying again unless there is another one.
func (c *Client) stale(ctx context.Context, no *unauthorized, token string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, openTimeout, errors.New("ask for another credential"))
	defer cancel()
	if now, err := c.cfg.Credential(ctx); err != nil {
		return fmt.Errorf("credential: %w", err)
	} else if now == token {
		return &no.Refused
	}
	return no
}

func (c *Client) openWith(ctx context.Context, token string) (link, error) {
	address, header, err := c.address(ctx, token)
	if err != nil {
		return link{}, err
	}
	//nolint:bodyclose // a refusal's body is closed by refusalOf; the other has none
	conn, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPClient: c.cfg.HTTPClient, HTTPHeader: header, Subprotocols: []string{subprotocol},
	})
	if err != nil {
		if res != nil && res.StatusCode != http.StatusSwitchingProtocols {
			return link{}, refusalOf(res)
		}
		return link{}, fmt.Errorf("open a WebSocket: %w", err)
	}
	conn.SetReadLimit(frameBytes)
	l := link{conn: conn, token: token}
	if err := l.begin(ctx); err != nil {
		_ = conn.CloseNow() // it is of no use
		return link{}, err
	}
	return l, nil
}

func (l *link) begin(ctx context.Context) error {
	_, data, err := l.conn.Read(ctx)
	if err != nil {
		return closedBy(err)
	}
	lines := bytes.Split(data, []byte("\n"))
	if err := json.Unmarshal(lines[0], &l.first); err != nil || l.first.Type != "init" && l.first.Type != "connected" {
		return fmt.Errorf("the first frame is not of %s: %.200q", subprotocol, lines[0])
	}
	l.more = lines[1:]
	return nil
}

// address is where to open the socket, and with which headers.
func (c *Client) address(ctx context.Context, token string) (string, http.Header, error) {
	header := http.Header{"Authorization": {"Bearer " + token}}
	at := *c.base
	switch {
	case c.cfg.Ticket:
		ticket, err := c.ticket(ctx, header)
		if err != nil {
			return "", nil, err
		}
		at, header = *ticket, nil
	case c.cfg.Room != "":
		at = *c.base.JoinPath("v1", "deal-rooms", c.cfg.Room, "ws")
	default:
		at = *c.base.JoinPath("v1", "ws")
	}
	q := at.Query()
	q.Set("batch", "true")
	c.mu.Lock()
	if ch := c.channels[c.roomChannel()]; c.cfg.Room != "" && ch != nil && ch.known {
		q.Set("since", ch.read.String())
	}
	c.mu.Unlock()
	at.RawQuery = q.Encode()
	return at.String(), header, nil
}

// ticket asks for an address that is good once.
func (c *Client) ticket(ctx context.Context, header http.Header) (*url.URL, error) {
	method, at, body := http.MethodPost, c.base.JoinPath("v1", "realtime", "tickets"), []byte("{}")
	if c.cfg.Room != "" {
		method, at, body = http.MethodGet, c.base.JoinPath("v1", "deal-rooms", c.cfg.Room, "ws"), nil
	}
	req, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask for a ticket: %w", err)
	}
	req.Header = header.Clone()
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.cfg.HTTPClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask for a ticket: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	if res.StatusCode != http.StatusOK {
		return nil, refusalOf(res)
	}
	var given struct {
		WSURL string `json:"wsUrl"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&given); err != nil {
		return nil, fmt.Errorf("ask for a ticket: %w", err)
	}
	ws, err := url.Parse(given.WSURL)
	if err != nil || ws.Host == "" {
		return nil, errors.New("ask for a ticket: the answer has no wsUrl")
	}
	return ws, nil
}

// refusalOf makes an error of an answer that is not the one that was wanted.
func refusalOf(res *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // a body that breaks off says nothing
	var said struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	_ = json.Unmarshal(b, &said) // a proxy may answer in its own way
	no := Refused{Status: res.StatusCode, Code: said.Error, Message: said.Message}
	if no.Code == "" {
		no.Code = http.StatusText(res.StatusCode)
	}
	switch s := res.StatusCode; {
	case s == http.StatusUnauthorized:
		return &unauthorized{no}
	case s == http.StatusRequestTimeout || s == http.StatusTooEarly || s == http.StatusTooManyRequests || s >= 500 || s < 400:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After")) // none is 0
		return &unavailable{no, time.Duration(seconds) * time.Second}
	}
	return &no
}

// closedBy makes an error of the end of a connection.
func closedBy(err error) error {
	var end websocket.CloseError
	if !errors.As(err, &end) {
		return fmt.Errorf("the connection broke: %w", err)
	}
	no := Refused{Status: int(end.Code), Code: "close_" + strconv.Itoa(int(end.Code)), Message: end.Reason}
	switch {
	case end.Code == 4401:
		return &unauthorized{no}
	case end.Code >= 4400 && end.Code < 4500:
		return &no
	}
	return fmt.Errorf("the server ended the connection: %w", err)
}
