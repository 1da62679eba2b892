package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/openinsure/openinsure/cmd/openinsure/demo"
)

type demoCmd struct {
	URL       []string       `name:"url" help:"Nodes of a development server that runs already. Default: the demo starts its own."`
	APISecret secret         `env:"API_SECRET" name:"api-secret" help:"Of the server that --url names."`
	Nodes     int            `default:"1" help:"How many nodes to start; more than one need Redis."`
	RedisURL  secret         `env:"REDIS_URL" name:"redis-url" help:"Redis between the nodes. Default: a redis-server that the demo starts."`
	Keep      bool           `help:"Leave the servers running until Ctrl-C, and print how to reach them."`
	Pace      *time.Duration `help:"Pause after each step. Default: a moment in a terminal, none elsewhere."`
}

// terminalPace lets people read along.
const terminalPace = 400 * time.Millisecond

// Run plays the deal in the terminal.
func (c *demoCmd) Run(ctx context.Context) error {
	switch {
	case c.Nodes < 1 || c.Nodes > 8:
		return errors.New("--nodes is from 1 to 8")
	case len(c.URL) > 0 && c.APISecret == "":
		return errors.New("--url needs the API_SECRET of that server, by which the demo signs in")
	case len(c.URL) > 0 && c.Keep:
		return errors.New("--keep is for servers that the demo starts, not for --url")
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	cfg := demo.Config{
		URLs: c.URL, Secret: string(c.APISecret), Nodes: c.Nodes, RedisURL: string(c.RedisURL), Command: []string{self}, Keep: c.Keep,
		Out: os.Stdout, Live: terminal, Colour: terminal && os.Getenv("NO_COLOR") == "",
	}
	if terminal {
		cfg.Pace = terminalPace
	}
	if c.Pace != nil {
		cfg.Pace = *c.Pace
	}
	// Nobody reads any more, as of make demo | head: stop what was started.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGPIPE)
	defer stop()
	err = demo.Run(ctx, cfg)
	if errors.Is(err, context.Canceled) {
		return errors.New("the demo was stopped")
	}
	return err
}
