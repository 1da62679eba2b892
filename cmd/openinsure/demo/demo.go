// Package demo plays a whole deal before everybody's eyes, with real outside
// clients: two companies, an integrator's webhooks, phones, mailboxes. It knows
// nothing of the platform but its public API, notes what came at whom and when,
// and then says what is missing, doubled, out of order, unsigned, or heard by
// whom it was not for.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// A Config says against what the deal is played.
type Config struct {
	URLs   []string // nodes of a server that runs already; none: the demo starts its own
	Secret string   // API_SECRET of that server

	Nodes    int      // that the demo starts; default 1
	RedisURL string   // that carries between them; empty: a redis-server of the demo's own, when there are more nodes than one
	Command  []string // that runs the program, without its arguments
	Env      []string // for the program besides what the demo gives it
	Keep     bool     // leaves the servers running until ctx is over

	Out    io.Writer
	Live   bool          // Out is a terminal on which lines can be drawn again
	Colour bool          // Out understands colours
	Pace   time.Duration // after each step, for people who watch
}

// legend says what the columns of the table are.
const legend = "Una, Ben and Pat: their sockets and inboxes. Ada: a silent witness at each node, who reads every frame. " +
	"SSE: the integrator's event streams. hook: its webhook, ✓ when both signatures are good. push, iOS, Andr: phones. " +
	"· is not to hear it, and does not."

// quiet is how long nothing must come before the demo believes that nothing
// more does.
const quiet = time.Second

// Run plays the deal. Its error says what was not as it must be.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Nodes == 0 {
		cfg.Nodes = 1
	}
	p := &player{cfg: cfg, ledger: NewLedger(), screen: newScreen(cfg.Out, cfg.Colour, cfg.Live)}
	var stopHearing context.CancelFunc
	p.hearing, stopHearing = context.WithCancel(context.WithoutCancel(ctx))
	defer stopHearing()
	err := p.play(ctx)
	stopHearing()
	p.work.Wait()
	return errors.Join(err, p.close())
}

// A player is one performance.
type player struct {
	cfg     Config
	screen  *screen
	ledger  *Ledger
	servers *servers
	outside *outside
	cast    *cast
	facts   []*Fact
	began   time.Time

	hearing context.Context //nolint:containedctx // as long as anybody listens
	work    sync.WaitGroup  // those who listen
	after   []func(context.Context) error
}

func (p *player) play(ctx context.Context) error {
	p.screen.title("OpenInsure: one deal, everybody who hears of it, and how soon")
	hook, silent := &Ear{Name: "the integrator's webhook", Way: Webhook}, &Ear{Name: "the webhook of Harbor Brokers", Way: Webhook}
	var err error
	own := len(p.cfg.URLs) == 0
	if p.outside, err = newOutside(p.ledger, hook, silent, own); err != nil {
		return fmt.Errorf("start the outside world: %w", err)
	}
	if err := p.reach(ctx, own); err != nil {
		return err
	}
	if p.cast, err = p.engage(ctx, hook); err != nil {
		return fmt.Errorf("prepare the demo: %w", p.explain(err))
	}
	p.outside.hear(p.hearing, p)
	p.screen.say("columns", "%s", legend)
	p.screen.header(p.columns())
	p.began = time.Now()
	if err := p.story(ctx); err != nil {
		return p.explain(err)
	}
	p.ledger.Quiet(ctx, quiet)
	books, err := p.books(ctx)
	if err != nil {
		return p.explain(fmt.Errorf("ask the server what it did: %w", err))
	}
	receipts, troubles, _ := p.ledger.read()
	problems := append(troubles, Check(p.facts, receipts, books)...)
	p.screen.summary(p.facts, receipts, problems, time.Since(p.began))
	if p.cfg.Keep && own {
		p.keep(ctx)
	}
	if len(problems) > 0 {
		return p.explain(fmt.Errorf("%d things were not as they must be", len(problems)))
	}
	return nil
}

// reach starts the servers, or finds those that run.
func (p *player) reach(ctx context.Context, own bool) error {
	if !own {
		p.servers = &servers{urls: p.cfg.URLs, secret: p.cfg.Secret}
		p.screen.say("server", "%s", p.servers.places())
		p.screen.say("not here", "phones and mail: this server does not know of the demo's; sockets, streams, webhooks and inboxes are checked")
		return nil
	}
	var err error
	p.servers, err = startServers(ctx, p.cfg, p.outside, p.screen)
	return err
}

// explain adds what the servers complained of.
func (p *player) explain(err error) error {
	if p.servers != nil {
		if said := p.servers.complaints(); said != "" {
			return fmt.Errorf("%w\n\nwhat the servers said:\n%s", err, said)
		}
	}
	return err
}

// later has something undone at a server that goes on without the demo.
func (p *player) later(undo func(context.Context) error) {
	if !p.servers.own() {
		p.after = append(p.after, undo)
	}
}

// close undoes everything, the last first.
func (p *player) close() error {
	var errs []error
	ctx, cancel := context.WithTimeoutCause(context.Background(), 30*time.Second, errors.New("end of the demo"))
	defer cancel()
	for _, undo := range slices.Backward(p.after) {
		errs = append(errs, undo(ctx))
	}
	if p.servers != nil {
		errs = append(errs, p.servers.stop())
	}
	if p.outside != nil {
		errs = append(errs, p.outside.close())
	}
	return errors.Join(errs...)
}

// keep waits until somebody has seen enough.
func (p *player) keep(ctx context.Context) {
	p.screen.kept(p.servers, p.cast)
	<-ctx.Done()
}
