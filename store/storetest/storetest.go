// Package storetest gives each test a database of its own, copied from a
// migrated template on a private Postgres that the test binary starts once.
package storetest

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/seal"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/embedded"
)

// server is the one Postgres of this test binary; once guards it.
var (
	once     sync.Once
	server   *embedded.Server
	base     string
	template string
	failed   error
	number   atomic.Int64
	urls     sync.Map // of *store.DB to the address that it was opened by
)

// Main runs the tests of a package and stops the Postgres that they used. Call
// it from TestMain. Each check is made when all that is over.
func Main(m *testing.M, checks ...func() error) {
	code := m.Run()
	if server != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		if err := server.Stop(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "stop the test Postgres:", err)
			code = max(code, 1)
		}
		cancel()
		_ = os.RemoveAll(dir())
	}
	for _, check := range checks {
		if err := check(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// dir is under the system's folder for temporary files, since a private
// Postgres started by root runs as another user, who must reach it.
func dir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("openinsure-test-%d", os.Getpid()))
}

// start brings up the server, unless TEST_DATABASE_URL names one, and migrates
// the template.
func start() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	base = os.Getenv("TEST_DATABASE_URL")
	if base == "" {
		var err error
		server, err = embedded.Start(ctx, embedded.Config{
			Dir:      filepath.Join(dir(), "postgres"),
			Settings: map[string]string{"fsync": "off", "max_connections": "300"},
		})
		if err != nil {
			return fmt.Errorf("start a Postgres for the tests: %w", err)
		}
		base = server.URL()
	}
	template = fmt.Sprintf("template_%d", os.Getpid())
	if err := admin(ctx, "CREATE DATABASE "+template); err != nil {
		return err
	}
	return store.Migrate(ctx, named(template), slog.New(slog.DiscardHandler))
}

func admin(ctx context.Context, sql string) error {
	c, err := pgx.Connect(ctx, base)
	if err != nil {
		return fmt.Errorf("connect to the test Postgres: %w", err)
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%s: %w", strings.Fields(sql)[0], err)
	}
	return nil
}

func named(database string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(err) // we made it
	}
	u.Path = "/" + database
	return u.String()
}

// URL makes a database for the test and returns its address.
func URL(t testing.TB) string {
	t.Helper()
	once.Do(func() { failed = start() })
	if failed != nil {
		t.Fatal(failed)
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), number.Add(1))
	if err := admin(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return named(name)
}

// New opens a database of the test's own, with test clocks.
func New(t testing.TB) *store.DB {
	t.Helper()
	return Open(t, store.Config{URL: URL(t), TestClocks: true})
}

// Open opens a database with settings; a sealer is made when there is none.
func Open(t testing.TB, cfg store.Config) *store.DB {
	t.Helper()
	if cfg.Sealer == nil {
		var err error
		if cfg.Sealer, err = seal.ParseRing(seal.NewKey("test")); err != nil {
			t.Fatal(err)
		}
	}
	db, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	urls.Store(db, cfg.URL)
	t.Cleanup(func() {
		urls.Delete(db)
		db.Close()
	})
	return db
}

// Address is where a database is reached that Open opened.
func Address(db *store.DB) string {
	url, _ := urls.Load(db)
	return url.(string)
}

// SQL runs a statement as the login role, which no wall holds.
func SQL(t testing.TB, db *store.DB, sql string, args ...any) {
	t.Helper()
	url, _ := urls.Load(db)
	c, err := pgx.Connect(t.Context(), url.(string))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// Value reads one value as the login role, which no wall holds.
func Value[T any](t testing.TB, db *store.DB, sql string, args ...any) T {
	t.Helper()
	url, _ := urls.Load(db)
	c, err := pgx.Connect(t.Context(), url.(string))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	var v T
	if err := c.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// Org adds an organisation with an underwriter and returns who he is.
func Org(t testing.TB, db *store.DB, name string) access.Actor {
	t.Helper()
	now := time.Now()
	org := access.NewOrgID(now)
	user := access.NewUserID(now)
	by := access.Actor{Kind: access.User, ID: user.String(), Org: org, Role: access.RoleUnderwriter}
	err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		if err := tx.AddOrg(t.Context(), store.Org{ID: org, Name: name, Kind: "mga", CreatedAt: now}); err != nil {
			return err
		}
		return tx.AddUser(t.Context(), store.User{
			ID: user, Org: org, Email: user.String() + "@example.com", Name: name + " underwriter",
			Role: access.RoleUnderwriter, Status: "active", CreatedAt: now,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return by
}
