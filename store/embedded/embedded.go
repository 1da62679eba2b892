//go:build unix

// Package embedded runs a private Postgres as a child process, so that the hub
// and its tests need nothing installed but Go.
//
// The server listens on a random port of 127.0.0.1 only, and asks for a random
// password kept in its folder. It lives in its own process group, so that
// Ctrl-C reaches us and not it: whoever started it drains first and then calls
// Stop. When the parent is killed, the kernel (on Linux) tells Postgres to shut
// down; elsewhere the next Start does.
//
// The folder holds
//
//	data/         the cluster; it exists only once initdb has finished
//	bin/          binaries we downloaded, one folder a version
//	password      of the superuser openinsure
//	postgres.log  what initdb and Postgres said
//	lock          locked while a parent lives
package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// name is the superuser and the database.
const name = "openinsure"

const (
	readyWithin = time.Minute      // crash recovery may replay a lot of WAL
	quitWithin  = 10 * time.Second // from SIGQUIT to SIGKILL; Postgres kills its own children after 5 s
)

// Config says where the server lives. Only Dir is needed.
type Config struct {
	// Dir is the folder of the server, made if missing. When we are root, the
	// user that Postgres runs as must be able to reach it.
	Dir string
	// Logger hears of start, end and downloads; nil discards.
	Logger *slog.Logger
	// BinDirs lists folders that may hold Postgres binaries; nil looks at
	// PATH, /usr/lib/postgresql and Homebrew.
	BinDirs func() []string
	// RepositoryURL is the Maven repository binaries are downloaded from when
	// the machine has none; empty means Maven Central.
	RepositoryURL string
	// Settings are given to Postgres with -c, and win over ours. With fsync
	// off, initdb does not sync either.
	Settings map[string]string
	// LockWait is how long Start waits for a predecessor to go; 0 means 10 s.
	LockWait time.Duration
}

// A Server is one running Postgres. Its methods may be called by many
// goroutines.
type Server struct {
	url      string
	log      *slog.Logger
	child    *child
	stopping atomic.Bool
	done     chan struct{}
	err      error // written before done closes
}

// Start returns once Postgres answers and its database exists. The context
// bounds only the start; the server runs until Stop.
//
// A folder whose server belongs to a living parent gives ErrInUse.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	s, err := start(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("start private postgres in %s: %w", cfg.Dir, err)
	}
	return s, nil
}

func start(ctx context.Context, cfg Config) (_ *Server, err error) {
	if cfg.Dir == "" {
		return nil, errors.New("no folder given")
	}
	cfg.LockWait = cmp.Or(cfg.LockWait, 10*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.BinDirs == nil {
		cfg.BinDirs = binDirs
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	acc, err := accountFor(filepath.Join(dir, "data"))
	if err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, acc: acc, cfg: cfg}
	if err := c.makeDir(); err != nil {
		return nil, err
	}

	patience, cancel := context.WithTimeoutCause(ctx, cfg.LockWait, errPatience)
	defer cancel()
	lock, err := lockDir(patience, dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = lock.Close()
		}
	}()
	if err := c.awaitPredecessor(patience); err != nil {
		return nil, err
	}
	if err := c.openLog(); err != nil {
		return nil, err
	}
	defer c.log.Close() // Postgres has its own descriptor
	if err := c.findBinaries(ctx); err != nil {
		return nil, err
	}
	if err := c.loadPassword(); err != nil {
		return nil, err
	}
	if err := c.initialise(ctx); err != nil {
		return nil, err
	}
	ch, port, err := c.launch(ctx)
	if err != nil {
		return nil, err
	}
	s := &Server{url: c.url(port, name), log: cfg.Logger, child: ch, done: make(chan struct{})}
	go s.watch(c, lock) // Stop waits for it
	cfg.Logger.InfoContext(ctx, "private postgres started", "dir", dir, "port", port, "pid", ch.process.Pid, "version", c.bin.version)
	return s, nil
}

// watch lives as long as the child and gives up the folder after it.
func (s *Server) watch(c *cluster, lock *os.File) {
	<-s.child.done
	if !s.stopping.Load() {
		s.err = fmt.Errorf("private postgres in %s ended by itself (%s):\n%s", c.dir, s.child.end(), c.lastWords())
		s.log.Error("private postgres ended by itself", "dir", c.dir, "state", s.child.end())
	}
	_ = lock.Close()
	close(s.done)
}

// URL says how to connect as the superuser; it contains the password.
func (s *Server) URL() string { return s.url }

// Done closes when Postgres has ended, by Stop or by itself.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is why Postgres ended by itself; nil while it runs and after Stop.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Stop ends all sessions, lets Postgres write its data down, and waits for it
// to go. When ctx ends first, Postgres is made to quit at once, which costs
// the next start a recovery but no data, and Stop returns why. A second Stop
// waits likewise.
func (s *Server) Stop(ctx context.Context) error {
	s.stopping.Store(true)
	s.child.signal(syscall.SIGINT)
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
		s.child.quit()
		<-s.done
		return fmt.Errorf("stop private postgres: made it quit: %w", context.Cause(ctx))
	}
}

// A cluster is what Start works on: the folder, and what was found for it.
type cluster struct {
	dir      string
	acc      account
	cfg      Config
	bin      binaries
	password string
	log      *os.File
	logStart int64 // where this run's lines begin
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *cluster) url(port int, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(name, c.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// command runs one of the binaries as the account, with its words in the log.
func (c *cluster) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin.dir, program), args...) //nolint:gosec // the binaries that were found, by design
	cmd.Dir = c.dir
	cmd.Env = childEnv()
	cmd.Stdout, cmd.Stderr = c.log, c.log
	cmd.SysProcAttr = c.acc.attributes()
	return cmd
}

// childEnv leaves out PGPORT, PGDATA and their like, and makes Postgres speak
// English: we read some of its words.
func childEnv() []string {
	env := []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	if v, ok := os.LookupEnv("LD_LIBRARY_PATH"); ok {
		env = append(env, "LD_LIBRARY_PATH="+v)
	}
	return env
}

// launch starts Postgres and waits until it answers. It tries again while
// the reason for its end passes by itself: another program took the port, or
// the last processes of a killed predecessor are still going.
func (c *cluster) launch(ctx context.Context) (*child, int, error) {
	patience, cancel := context.WithTimeoutCause(ctx, c.cfg.LockWait, errPatience)
	defer cancel()
	for {
		port, err := freePort(ctx)
		if err != nil {
			return nil, 0, err
		}
		c.markLog()
		ch, err := startChild(c.command("postgres", c.args(port)...))
		if err != nil {
			return nil, 0, err
		}
		err = c.awaitReady(ctx, ch, port)
		if err == nil {
			return ch, port, nil
		}
		ended := ch.ended()
		ch.quit()
		words := c.lastWords()
		if !ended {
			return nil, 0, fmt.Errorf("%w; its last words:\n%s", err, words)
		}
		if !passing(words) || !pause(patience, 200*time.Millisecond) {
			return nil, 0, fmt.Errorf("postgres ended while starting (%s); its last words:\n%s", ch.end(), words)
		}
	}
}

func passing(words string) bool {
	for _, w := range []string{
		"could not create any TCP/IP sockets",
		"pre-existing shared memory block",
		`lock file "postmaster.pid" already exists`,
	} {
		if strings.Contains(words, w) {
			return true
		}
	}
	return false
}

func (c *cluster) args(port int) []string {
	settings := map[string]string{
		"max_connections":   "100",
		"shared_buffers":    "128MB",
		"timezone":          "UTC",
		"log_timezone":      "UTC",
		"log_line_prefix":   "%m [%p] ",
		"logging_collector": "off",
	}
	maps.Copy(settings, c.cfg.Settings)
	maps.Copy(settings, map[string]string{ // not for changing: the package's promises
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": "",
	})
	args := []string{"-D", c.data()}
	for _, k := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", k+"="+settings[k])
	}
	return args
}

func freePort(ctx context.Context) (int, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// awaitReady connects until Postgres answers, then makes our database.
func (c *cluster) awaitReady(ctx context.Context, ch *child, port int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWithin, fmt.Errorf("postgres did not answer within %s", readyWithin))
	defer cancel()
	cfg, err := pgx.ParseConfig(c.url(port, "postgres"))
	if err != nil {
		return err
	}
	cfg.ConnectTimeout = 5 * time.Second
	for {
		conn, err := pgx.ConnectConfig(ctx, cfg)
		if err == nil {
			err = createDatabase(ctx, conn)
			return errors.Join(err, conn.Close(ctx))
		}
		wait := 30 * time.Millisecond
		pgErr, answered := errors.AsType[*pgconn.PgError](err)
		refused := answered && pgErr.Code != "57P03" // cannot_connect_now: starting up
		if refused {
			wait = 2 * time.Second // another server has the port, and ours is about to find out?
		}
		select {
		case <-ch.done:
			return errors.New("postgres ended")
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		case <-time.After(wait):
		}
		if refused {
			return fmt.Errorf("postgres does not let us in: %w", err)
		}
	}
}

const databaseExistsSQL = `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`

func createDatabase(ctx context.Context, conn *pgx.Conn) error {
	var exists bool
	if err := conn.QueryRow(ctx, databaseExistsSQL, name).Scan(&exists); err != nil || exists {
		return err
	}
	_, err := conn.Exec(ctx, "CREATE DATABASE "+name)
	return err
}

// pause is false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
