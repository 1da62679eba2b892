package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/openinsure/openinsure/api"
	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/betterauth"
	"github.com/openinsure/openinsure/internal/insurance"
	"github.com/openinsure/openinsure/internal/seal"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/embedded"
)

// platform is what every command stands on: Postgres, migrated and open, and
// the use cases over it.
type platform struct {
	postgres *embedded.Server // nil when DATABASE_URL names one
	db       *store.DB
	desk     *insurance.Desk
	door     *api.Door
	flags    *store.FlagCache
	ring     *seal.Ring
	auth     *betterauth.Client // nil: none is configured
	log      *slog.Logger
}

// visit reaches the database that a server may be running on, as it is: without
// migrating, and without the use cases. A private Postgres is started only when
// nobody runs it.
func (s *settings) visit(ctx context.Context) (*platform, error) {
	ring, err := seal.ParseRing(string(s.EncryptionKey))
	if err != nil {
		return nil, fmt.Errorf("ENCRYPTION_KEY: %w", err)
	}
	p := &platform{ring: ring, log: s.logger()}
	url := string(s.DatabaseURL)
	if dir := filepath.Join(s.DataDir, "postgres"); url == "" {
		if _, err := os.Stat(filepath.Join(dir, "data")); err != nil {
			return nil, errors.New("there is no database yet: set DATABASE_URL, or DATA_DIR to where a server keeps its own")
		}
		var running bool
		if url, running, err = embedded.Running(dir); err != nil {
			return nil, err
		}
		if !running {
			if p.postgres, err = embedded.Start(ctx, embedded.Config{Dir: dir, Logger: p.log}); err != nil {
				return nil, err
			}
			url = p.postgres.URL()
		}
	}
	if p.db, err = store.Open(ctx, store.Config{URL: url, MaxConns: 4, Sealer: ring, Logger: p.log}); err != nil {
		return nil, errors.Join(err, p.close(context.WithoutCancel(ctx)))
	}
	return p, nil
}

// open starts or reaches Postgres, migrates, and opens the store.
func (s *settings) open(ctx context.Context, log *slog.Logger, maxConns int32, desk insurance.Config) (*platform, error) {
	ring, err := seal.ParseRing(string(s.EncryptionKey))
	if err != nil {
		return nil, fmt.Errorf("ENCRYPTION_KEY: %w", err)
	}
	tokens, err := access.ParseTokens(string(s.JWTKeys), strings.TrimSuffix(s.PublicURL, "/"), time.Now)
	if err != nil {
		return nil, fmt.Errorf("JWT_KEYS: %w", err)
	}
	p := &platform{ring: ring, log: log}
	if s.AuthSessionURL != "" {
		if p.auth, err = betterauth.New(s.AuthSessionURL, betterauth.Config{}); err != nil {
			return nil, fmt.Errorf("AUTH_SESSION_URL: %w", err)
		}
	}
	if err := p.reach(ctx, s, ring, maxConns); err != nil {
		return nil, errors.Join(err, p.close(context.WithoutCancel(ctx)))
	}
	if !s.production() {
		desk.MaxBackdate = -1
	}
	if p.flags, err = p.db.LoadFlags(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("read the feature flags: %w", err), p.close(context.WithoutCancel(ctx)))
	}
	p.desk = insurance.New(p.db, desk)
	p.door = &api.Door{DB: p.db, Tokens: tokens, Secret: string(s.APISecret), Demo: !s.production(), Now: time.Now}
	if p.auth != nil {
		p.door.Sessions = p.auth
	}
	return p, nil
}

func (p *platform) reach(ctx context.Context, s *settings, ring *seal.Ring, maxConns int32) error {
	url := string(s.DatabaseURL)
	if url == "" {
		if s.production() {
			p.log.WarnContext(ctx, "production on a private Postgres: set DATABASE_URL to share the data between nodes and to back it up")
		}
		var err error
		if p.postgres, err = embedded.Start(ctx, embedded.Config{Dir: filepath.Join(s.DataDir, "postgres"), Logger: p.log}); err != nil {
			return err
		}
		url = p.postgres.URL()
	}
	migrate := url
	if s.MigrateDatabaseURL != "" {
		migrate = string(s.MigrateDatabaseURL)
	}
	if err := store.Migrate(ctx, migrate, p.log); err != nil {
		return err
	}
	var err error
	p.db, err = store.Open(ctx, store.Config{URL: url, MaxConns: maxConns, Sealer: ring, Logger: p.log, TestClocks: !s.production()})
	return err
}

// close undoes open in the reverse order.
func (p *platform) close(ctx context.Context) error {
	if p.auth != nil {
		p.auth.Close()
	}
	if p.db != nil {
		p.db.Close()
	}
	if p.postgres == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New("stop of the private Postgres"))
	defer cancel()
	return p.postgres.Stop(ctx)
}

// once lets the API's idempotency stand on the store's.
type once struct{ db *store.DB }

// Do implements api.Idempotency.
func (o once) Do(ctx context.Context, k api.IdempotencyKey, run func(context.Context) (api.Answer, error)) (api.Answer, bool, error) {
	a, replayed, err := o.db.Once(ctx, access.Actor{Org: k.Org},
		store.Once{Principal: k.Principal, Route: k.Route, Key: k.Key, Fingerprint: k.Fingerprint},
		func(ctx context.Context) (store.Answer, error) {
			a, err := run(ctx)
			return store.Answer(a), err
		})
	return api.Answer(a), replayed, err
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
