package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/api/redislimit"
	"github.com/openinsure/openinsure/hub"
	"github.com/openinsure/openinsure/hub/redisbroker"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/rooms"
	"github.com/openinsure/openinsure/store"
)

// openFiles opens the file store: a folder, by default in the data folder.
func (s *settings) openFiles() (*blob.Bucket, error) {
	dir := filepath.Join(s.DataDir, "files")
	if s.BlobURL != "" {
		u, err := url.Parse(s.BlobURL)
		if err != nil || u.Scheme != "file" || u.Path == "" {
			return nil, errors.New("BLOB_URL is file:///folder: no other file store is built in yet")
		}
		dir = filepath.FromSlash(u.Path)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of files: %w", err)
	}
	b, err := fileblob.OpenBucket(dir, &fileblob.Options{NoTempDir: true, Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		return nil, fmt.Errorf("open the file store: %w", err)
	}
	return b, nil
}

// live is the running side of a server: what is posted is committed, and what
// is committed is carried to sessions.
type live struct {
	posts *store.Poster
	house *rooms.House
	hub   *hub.Hub
	log   *slog.Logger
	close func() error // the broker's
}

// Tests of whole processes put faults here.
var (
	wrapBroker    = func(b hub.Broker) hub.Broker { return b }
	beforePublish = func() {}
	tune          = func(*hub.Config) {}
	tuneLimits    = func(*redislimit.Config) {}
)

// newLive puts the hub on the platform. Nothing runs before run.
func (c *serveCmd) newLive(p *platform, files *blob.Bucket, broker hub.Broker, refused api.Refusals, registry prometheus.Registerer) *live {
	l := &live{posts: p.db.NewPoster(registry), log: p.log, close: func() error { return nil }}
	l.house = rooms.New(p.db, l.posts, files, rooms.Config{Flag: p.flags.Bool})
	if closer, ok := broker.(io.Closer); ok {
		l.close = closer.Close
	}
	broker = wrapBroker(broker)
	app := &api.Live{Platform: api.Platform{DB: p.db, Desk: p.desk, Door: p.door, Rooms: l.house, Now: time.Now}, Posts: l.posts, Refusals: refused}
	cfg := hub.Config{Logger: p.log, Registerer: registry, Denied: app.Denied, Drain: max(c.DrainTime-5*time.Second, time.Second)}
	tune(&cfg)
	l.hub = hub.New(api.Entries{DB: p.db}, broker, app, cfg)
	p.db.OnCommit(func(_ context.Context, es []store.Entry) {
		beforePublish()
		l.hub.Publish(api.HubEntries(es)...)
	})
	return l
}

// newBroker is Redis where one is set, and otherwise this process.
func (c *serveCmd) newBroker(log *slog.Logger, registry prometheus.Registerer) (hub.Broker, error) {
	if c.RedisURL == "" {
		return hub.NewMemory(), nil
	}
	b, err := redisbroker.New(redisbroker.Config{URL: string(c.RedisURL), Logger: log, Registerer: registry})
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return b, nil
}

// newLimiter counts requests in Redis where one is set, and otherwise in this
// process, as nil says.
func (c *serveCmd) newLimiter(log *slog.Logger, registry prometheus.Registerer) (*redislimit.Limiter, error) {
	if c.RedisURL == "" {
		return nil, nil
	}
	cfg := redislimit.Config{URL: string(c.RedisURL), Logger: log, Registerer: registry}
	tuneLimits(&cfg)
	l, err := redislimit.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return l, nil
}

// ready is why no session should be opened here now.
func (l *live) ready() error {
	if err := l.hub.Ready(); err != nil {
		return fault.New(fault.Unavailable, "not_ready", "Live connections are not ready.").Because(err).With("part", "hub")
	}
	return nil
}

// parts says how the parts are that a node can do without for a while.
func (l *live) parts() map[string]string {
	if l.hub.Health().Broker {
		return map[string]string{"broker": "ok"}
	}
	return map[string]string{"broker": "unwell: other nodes are heard through Postgres, a moment later"}
}

// run carries until ctx is over.
func (l *live) run(ctx context.Context) error {
	var work sync.WaitGroup
	errs := make([]error, 3)
	work.Go(func() { errs[0] = l.posts.Run(ctx) })
	work.Go(func() { errs[1] = l.hub.Run(ctx) })
	work.Go(func() { errs[2] = l.closeRooms(ctx) })
	work.Wait()
	return errors.Join(append(errs, l.close())...)
}

// closeRoomsEvery is how late a room may close by itself.
const closeRoomsEvery = time.Minute

// closeRooms closes the rooms whose time has come, and deletes the bytes of
// files whose rooms are gone.
func (l *live) closeRooms(ctx context.Context) error {
	tick := time.NewTicker(closeRoomsEvery)
	defer tick.Stop()
	for {
		if n, err := l.house.CloseDue(ctx, time.Now()); err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "rooms were not closed", "error", err)
		} else if n > 0 {
			l.log.InfoContext(ctx, "rooms closed by themselves", "count", n)
		}
		if _, err := l.house.Discard(ctx); err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "files of a reset were not deleted", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// origins reads the sites whose pages may open sockets, the public one
// included.
func (c *serveCmd) origins() ([]string, error) {
	var out []string
	for _, o := range append([]string{c.PublicURL}, c.AllowedOrigins...) {
		u, err := url.Parse(strings.TrimSuffix(strings.TrimSpace(o), "/"))
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" {
			return nil, errors.New("ALLOWED_ORIGINS lists sites such as https://app.example.com")
		}
		out = append(out, strings.ToLower(u.Scheme+"://"+u.Host))
	}
	return out, nil
}
