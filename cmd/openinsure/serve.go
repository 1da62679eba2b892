package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/insurance/billing"
	"github.com/openinsure/openinsure/internal/insurance/producer"
)

// defaultAdmin is where metrics are when nobody says otherwise; with a second
// server on the machine any free port is taken instead.
const defaultAdmin = "127.0.0.1:8788"

type serveCmd struct {
	settings
	outboundSettings
	doorSettings
	Addr           string        `env:"ADDR" default:":8787" help:"Address to listen on."`
	AdminAddr      string        `env:"ADMIN_ADDR" default:"${admin}" help:"Address of /metrics and pprof; keep it private. Empty: none."`
	TrustedProxies []string      `env:"TRUSTED_PROXIES" help:"Addresses or ranges whose X-Forwarded-For is believed."`
	TLSCertFile    string        `env:"TLS_CERT_FILE" name:"tls-cert-file" type:"path" help:"Certificate chain; with TLS_KEY_FILE, serves HTTPS."`
	TLSKeyFile     string        `env:"TLS_KEY_FILE" name:"tls-key-file" type:"path" help:"Private key of the certificate."`
	DBMaxConns     int32         `env:"DB_MAX_CONNS" name:"db-max-conns" default:"20" help:"Connections of each of the two pools to Postgres."`
	MaxBackdate    int           `env:"MAX_BACKDATE_DAYS" name:"max-backdate-days" default:"30" help:"In production, quotes that take effect further back than so many days are referred."`
	ReserveFor     time.Duration `env:"DA_RESERVATION" name:"da-reservation" default:"72h" help:"How long an accepted quote keeps room of delegated authority for its bind."`
	RemindDays     int           `env:"INVOICE_REMIND_DAYS" name:"invoice-remind-days" default:"7" help:"How many days before its due day an invoice is reminded of, 1 to 60."`
	LastNoticeDays int           `env:"INVOICE_LAST_NOTICE_DAYS" name:"invoice-last-notice-days" default:"10" help:"How many days after it was told overdue an invoice is told of for the last time, 1 to 90."`
	SanctionsList  string        `env:"SANCTIONS_LIST_FILE" name:"sanctions-list-file" type:"path" help:"List of names that producers are compared with, JSON; without it a sample of invented names."`
	AllowedOrigins []string      `env:"ALLOWED_ORIGINS" help:"Sites, besides PUBLIC_URL, whose pages may call the API and open sockets."`
	RoomCloseAfter time.Duration `env:"ROOM_CLOSE_AFTER" default:"336h" help:"From bind or decline until a deal room closes by itself."`
	DrainTime      time.Duration `env:"DRAIN_TIME" default:"25s" help:"How long requests under way may take to finish when the server stops."`
}

// Run serves until ctx is over, then stops in the reverse order of starting.
func (c *serveCmd) Run(ctx context.Context) (err error) {
	if err := c.complete(); err != nil {
		return err
	}
	proxies, err := parsePrefixes(c.TrustedProxies)
	if err != nil {
		return fmt.Errorf("TRUSTED_PROXIES: %w", err)
	}
	origins, err := c.origins()
	if err != nil {
		return err
	}
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		return errors.New("TLS_CERT_FILE and TLS_KEY_FILE go together")
	}
	if err := c.dunning(); err != nil {
		return err
	}
	door, err := c.openDoor(c.Environment, c.PublicURL)
	if err != nil {
		return err
	}
	defer door.close()
	log := c.logger()
	// The port is taken before Postgres starts: of two servers the second
	// should fail at once.
	listener, err := net.Listen("tcp", c.Addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use: stop what listens there, or set ADDR", c.Addr)
	}
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer func() { _ = listener.Close() }() // the server has closed it, if it came that far
	sanctions, err := c.sanctions(ctx, log)
	if err != nil {
		return err
	}
	p, err := c.open(ctx, log, c.DBMaxConns, insurance.Config{
		MaxBackdate: c.MaxBackdate, CloseAfter: c.RoomCloseAfter, Sanctions: sanctions, Production: c.production(), ReserveFor: c.ReserveFor,
		DueSoon: c.RemindDays, LastNotice: c.LastNoticeDays,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close(context.WithoutCancel(ctx))) }()
	hint, err := p.firstStart(ctx, &c.settings)
	if err != nil {
		return err
	}
	return c.serve(ctx, p, door, listener, hint, api.Config{
		Logger: log, Environment: c.Environment, Version: version, TrustedProxies: proxies, Origins: origins,
	})
}

// dunning checks when invoices are reminded of.
func (c *serveCmd) dunning() error {
	if c.RemindDays < 1 || c.RemindDays > billing.MaxAhead {
		return fmt.Errorf("INVOICE_REMIND_DAYS is %d: it is 1 to %d", c.RemindDays, billing.MaxAhead)
	}
	if c.LastNoticeDays < 1 || c.LastNoticeDays > billing.MaxLast {
		return fmt.Errorf("INVOICE_LAST_NOTICE_DAYS is %d: it is 1 to %d", c.LastNoticeDays, billing.MaxLast)
	}
	return nil
}

// sanctions reads the list that producers' names are compared with.
func (c *serveCmd) sanctions(ctx context.Context, log *slog.Logger) (insurance.Screener, error) {
	if c.SanctionsList == "" {
		if c.production() {
			log.WarnContext(ctx, "producers are compared with a sample of invented names: set SANCTIONS_LIST_FILE")
		}
		return insurance.SampleSanctions(), nil
	}
	f, err := os.Open(c.SanctionsList)
	if err != nil {
		return nil, fmt.Errorf("SANCTIONS_LIST_FILE: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	l, err := producer.ReadList(f)
	if err != nil {
		return nil, fmt.Errorf("SANCTIONS_LIST_FILE: %w", err)
	}
	return l, nil
}

func (c *serveCmd) serve(ctx context.Context, p *platform, d door, listener net.Listener, hint string, cfg api.Config) (err error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cfg.Registerer = registry
	records := newRecorder(p.db, p.log, registry)
	refused := newRefusals(p.db, p.log, time.Now, registry)
	p.db.OnRefused(refused.Refused)
	files, err := c.openFiles()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	broker, err := c.newBroker(p.log, registry)
	if err != nil {
		return err
	}
	limiter, err := c.newLimiter(p.log, registry)
	if err != nil {
		return err
	}
	authority, err := c.newAuthority(p, registry)
	if err != nil {
		return err
	}
	l := c.newLive(p, files, broker, refused, registry)
	out, err := c.newOutbound(ctx, p, registry)
	if err != nil {
		return err
	}
	cfg.Ready = func(ctx context.Context) error { return errors.Join(p.db.Ping(ctx), l.ready(), out.ready(ctx)) }
	cfg.Parts = l.parts
	if limiter != nil {
		cfg.Limiter = limiter
		cfg.Parts = func() map[string]string { return withLimits(l.parts(), limiter.Shared()) }
	}
	if authority != nil {
		parts := cfg.Parts
		cfg.Parts = func() map[string]string { return withAuthority(parts(), authority.Well()) }
		defer func() { err = errors.Join(err, authority.Close()) }() // after the requests and the mirror are done
	}
	rest := newAPI(p, l, out, d, api.Deps{Requests: records, Refusals: refused}, cfg, c.publicURL(), c.production())
	admin, err := c.serveAdmin(p.log, registry)
	if err != nil {
		return err
	}

	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	outward, hold := context.WithCancel(background) // ends with the drain: what is under way is finished meanwhile
	defer hold()
	var work sync.WaitGroup
	work.Go(func() { _ = records.Run(background) })        // returns nil
	work.Go(func() { _ = sweep(background, p.db, p.log) }) // returns nil
	work.Go(func() { _ = keepAudit(background, refused) }) // returns nil
	if authority != nil {
		work.Go(func() { _ = authority.Mirror(background) }) // returns nil
	}
	work.Go(func() { p.flags.Run(background) })
	work.Go(func() { _ = keepReferrals(background, p.desk, p.log) }) // returns nil
	work.Go(func() { screenAnew(background, p.desk, p.log) })
	if limiter != nil {
		work.Go(func() { _ = limiter.Run(background) }) // returns nil
	}
	work.Go(func() {
		if err := l.run(background); err != nil {
			p.log.ErrorContext(ctx, "live connections ended", "error", err)
		}
	})
	work.Go(func() { _ = out.run(outward) })                  // returns nil
	work.Go(func() { _ = out.keepCredentials(background) })   // returns nil
	work.Go(func() { _ = out.keepPartitions(background) })    // returns nil
	defer func() { stop(); work.Wait(); _ = admin.Close() }() // after the requests are done
	failed := make(chan error, 1)
	server := newServer(rest.Handler(), p.log)
	work.Go(func() { failed <- c.listen(server, listener) })
	p.log.InfoContext(ctx, "serving", "address", listener.Addr().String(), "environment", c.Environment, "version", version)
	if hint != "" {
		fmt.Println(strings.ReplaceAll(hint, "{url}", c.localURL(listener)))
	}

	var died error
	select {
	case <-ctx.Done():
	case died = <-failed:
	case <-p.gone():
		died = fmt.Errorf("the private Postgres ended: %w", p.postgres.Err())
	}
	p.log.InfoContext(ctx, "stopping", "drain", c.DrainTime.String())
	rest.SetDraining()
	hold()
	drain, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), c.DrainTime, errors.New("requests under way"))
	defer cancel()
	l.hub.Drain(drain)
	if err := server.Shutdown(drain); err != nil {
		p.log.WarnContext(ctx, "requests were cut off", "error", err)
		_ = server.Close() // what Shutdown waited for in vain
	}
	return died
}

// withLimits adds how requests are counted to what /readyz tells.
func withLimits(parts map[string]string, shared bool) map[string]string {
	parts["limits"] = "ok"
	if !shared {
		parts["limits"] = "unwell: each node counts requests by itself"
	}
	return parts
}

// withAuthority adds whether SpiceDB answers to what /readyz tells.
func withAuthority(parts map[string]string, well bool) map[string]string {
	parts["permissions"] = "ok"
	if !well {
		parts["permissions"] = "unwell: SpiceDB does not answer, and what it is asked for is 503"
	}
	return parts
}

// newAPI puts the REST interface on the platform.
func newAPI(p *platform, l *live, out *outbound, d door, deps api.Deps, cfg api.Config, publicURL string, production bool) *api.API {
	deps.Authenticator, deps.Idempotency = p.door, once{p.db}
	rest := api.New(deps, cfg)
	on := api.Platform{
		DB: p.db, Desk: p.desk, Door: p.door, Rooms: l.house, Hub: l.hub, Now: time.Now, IsLive: production, PublicURL: publicURL,
		CheckURL: out.guard.CheckURL, Docs: d.docs, Assertions: d.assertions,
	}
	if d.signIn != nil {
		on.SignIn = d.signIn
	}
	rest.RegisterAll(on)
	return rest
}

// publicURL is where clients open sockets; in development they do where they
// ask, whatever the port.
func (c *serveCmd) publicURL() string {
	if c.Environment == "development" {
		return ""
	}
	return c.PublicURL
}

func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func (c *serveCmd) listen(s *http.Server, l net.Listener) error {
	var err error
	if c.TLSCertFile != "" {
		err = s.ServeTLS(l, c.TLSCertFile, c.TLSKeyFile)
	} else {
		err = s.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// localURL is where a client on this machine finds the server.
func (c *serveCmd) localURL(l net.Listener) string {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return c.PublicURL
	}
	scheme := "http"
	if c.TLSCertFile != "" {
		scheme = "https"
	}
	return scheme + "://localhost:" + port
}

func (c *serveCmd) serveAdmin(log *slog.Logger, registry *prometheus.Registry) (*http.Server, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	s := newServer(mux, log)
	if c.AdminAddr == "" {
		return s, nil
	}
	l, err := net.Listen("tcp", c.AdminAddr)
	if errors.Is(err, syscall.EADDRINUSE) && c.AdminAddr == defaultAdmin && os.Getenv("ADMIN_ADDR") == "" {
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, fmt.Errorf("ADMIN_ADDR: %w", err)
	}
	log.Info("serving metrics", "address", l.Addr().String())
	go func() { _ = s.Serve(l) }() // ends when Close is called; nothing depends on it
	return s, nil
}

// gone is closed when the private Postgres ends by itself; never without one.
func (p *platform) gone() <-chan struct{} {
	if p.postgres == nil {
		return nil
	}
	return p.postgres.Done()
}
