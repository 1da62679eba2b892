package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	liveclient "github.com/openinsure/openinsure/clients/live"
)

type chatCmd struct {
	Room    string `arg:"" help:"Id of the deal room, room_…"`
	URL     string `env:"OPENINSURE_URL" name:"url" default:"http://localhost:8787" help:"Where the API is."`
	Token   secret `env:"OPENINSURE_TOKEN" help:"Token or API key to act with."`
	As      string `enum:",underwriter,broker,admin" default:"" help:"Act as underwriter, broker or admin of the demo data instead: for a development server on this machine, whose API_SECRET is read from DATA_DIR."`
	DataDir string `env:"DATA_DIR" help:"Folder of the server's secrets.env, for --as." type:"path"`
	Once    bool   `help:"Leave at the end of the input, once every message was acknowledged."`
}

const (
	chatLineBytes = 1 << 20 // of a line of input; the server allows fewer
	chatCallTime  = 20 * time.Second
)

// Run is a conversation in a terminal, or of a script through pipes.
func (c *chatCmd) Run(ctx context.Context) error {
	return c.talk(ctx, os.Stdin, os.Stdout)
}

// talk shows the room on out and says what in has, line by line, until /quit,
// the end of ctx, or a refusal.
func (c *chatCmd) talk(ctx context.Context, in io.Reader, out io.Writer) error {
	credential, err := c.credential()
	if err != nil {
		return err
	}
	var me struct {
		OrgID string `json:"orgId"`
	}
	token, err := credential(ctx)
	if err != nil {
		return err
	}
	if err := c.call(ctx, http.MethodGet, "/v1/me", token, nil, &me); err != nil {
		return err
	}
	desk := "desk:" + c.Room + ":" + me.OrgID
	client, err := liveclient.New(liveclient.Config{URL: c.URL, Credential: credential, Room: c.Room, Channels: []string{desk}})
	if err != nil {
		return err
	}
	s := newScreen(out, time.Local)
	hearing, leave := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- client.Run(hearing, s.show) }()
	err = c.say(hearing, client, s, desk, lines(in), ended)
	leave()
	if heard, ok := <-ended; ok && (err == nil || errors.Is(err, liveclient.ErrStopped)) {
		err = heard
	}
	if errors.Is(err, context.Canceled) {
		return nil // he left
	}
	return err
}

// A typed is a line of input, or what ended it.
type typed struct {
	text string
	err  error // io.EOF at the end
}

// lines reads in by lines. Nothing can interrupt reading from a terminal: the
// reader ends with the input or the program.
func lines(in io.Reader) <-chan typed {
	ch := make(chan typed, 1)
	go func() {
		sc := bufio.NewScanner(in)
		sc.Buffer(nil, chatLineBytes)
		for sc.Scan() {
			ch <- typed{text: sc.Text()}
		}
		err := sc.Err()
		if err == nil {
			err = io.EOF
		}
		ch <- typed{err: err}
	}()
	return ch
}

// say works the input off, from when the room is shown. A nil error is that he
// wants to leave. It gives back to ended what it takes.
func (c *chatCmd) say(ctx context.Context, client *liveclient.Client, s *screen, desk string, in <-chan typed, ended chan error) error {
	select {
	case <-s.drawn:
	case err := <-ended:
		close(ended)
		return err
	}
	var refused error // the first message that was
	for {
		select {
		case err := <-ended:
			close(ended)
			return err
		case line := <-in:
			switch {
			case errors.Is(line.err, io.EOF) && c.Once:
				return refused
			case errors.Is(line.err, io.EOF):
				in = nil // go on listening
				continue
			case line.err != nil:
				return fmt.Errorf("read the input: %w", line.err)
			}
			quit, err := c.do(ctx, client, s, desk, line.text)
			if no, ok := errors.AsType[*liveclient.Refused](err); ok {
				s.note("refused: %s", no.Error())
				if refused == nil {
					refused = err
				}
				err = nil
			}
			if quit || err != nil {
				return err
			}
		}
	}
}

// do does what a line says, and reports whether it was /quit.
func (c *chatCmd) do(ctx context.Context, client *liveclient.Client, s *screen, desk, line string) (quit bool, err error) {
	line = strings.TrimSpace(line)
	channel := "room:" + c.Room
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "":
		return false, nil
	case line == "/quit":
		return true, nil
	case line == "/who":
		s.who()
		return false, nil
	case word == "/desk" && strings.TrimSpace(rest) != "":
		channel, line = desk, strings.TrimSpace(rest)
	case strings.HasPrefix(line, "//"):
		line = line[1:] // a message that begins with a slash
	case strings.HasPrefix(line, "/"):
		s.note("there are /desk TEXT (your company alone), /who and /quit; a message that begins with / is written //")
		return false, nil
	}
	_, err = client.Post(ctx, liveclient.Message{Channel: channel, Body: line})
	if errors.Is(err, liveclient.ErrNotSubscribed) {
		s.note("not sent: you do not hear %s", channel)
		return false, nil
	}
	return false, err
}

// credential returns where tokens come from.
func (c *chatCmd) credential() (func(context.Context) (string, error), error) {
	switch {
	case c.As != "":
		return c.persona()
	case c.Token != "":
		return func(context.Context) (string, error) { return string(c.Token), nil }, nil
	}
	return nil, errors.New("who are you? Give --token (OPENINSURE_TOKEN), or --as underwriter with a development server on this machine")
}

// persona signs in to the demo data, and again when half of the time is over.
// The client asks for one credential at a time.
func (c *chatCmd) persona() (func(context.Context) (string, error), error) {
	if c.DataDir == "" {
		c.DataDir = defaultDataDir()
	}
	file := filepath.Join(c.DataDir, "secrets.env")
	kept, err := readEnv(file)
	if err != nil {
		return nil, err
	}
	key := kept["API_SECRET"]
	if own := os.Getenv("API_SECRET"); own != "" {
		key = own
	}
	if key == "" {
		return nil, fmt.Errorf("--as needs the API_SECRET of a development server, and %s has none", file)
	}
	var given struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expiresAt"`
	}
	var renew time.Time
	return func(ctx context.Context) (string, error) {
		if time.Now().Before(renew) {
			return given.Token, nil
		}
		asked := time.Now()
		if err := c.call(ctx, http.MethodPost, "/auth/demo", "", map[string]string{"secret": key, "as": c.As}, &given); err != nil {
			return "", err
		}
		renew = asked.Add(given.ExpiresAt.Sub(asked) / 2)
		return given.Token, nil
	}, nil
}

// call makes a request; a refusal that another try does not change is a
// *live.Refused.
func (c *chatCmd) call(ctx context.Context, method, path, token string, body, answer any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, chatCallTime, errors.New("call the API"))
	defer cancel()
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+path, nil)
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	if body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	in := json.NewDecoder(io.LimitReader(res.Body, 1<<20))
	if res.StatusCode == http.StatusOK {
		if err := in.Decode(answer); err != nil {
			return fmt.Errorf("call %s: %w", path, err)
		}
		return nil
	}
	var said struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}
	_ = in.Decode(&said) // a proxy may answer in its own way
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || said.Error == "" {
		return fmt.Errorf("call %s: %s %s", path, res.Status, said.Message)
	}
	return &liveclient.Refused{Status: res.StatusCode, Code: said.Error, Message: said.Message}
}
