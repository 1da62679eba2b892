//go:build unix

package embedded_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/openinsure/openinsure/store/embedded"
)

// helperDir makes the test binary a parent to be killed: see TestMain.
const helperDir = "EMBEDDED_TEST_HELPER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		if err := helper(dir); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// helper starts a server, says its URL, and reports each Ctrl-C until its
// stdin closes; then it stops the server.
func helper(dir string) error {
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	s, err := embedded.Start(context.Background(), config(dir))
	if err != nil {
		return err
	}
	fmt.Println(s.URL())
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	for {
		select {
		case <-interrupts:
			fmt.Println("interrupted")
		case <-closed:
			return s.Stop(context.Background())
		}
	}
}

// config is quick, and has no network to fall back on.
func config(dir string) embedded.Config {
	return embedded.Config{
		Dir:           dir,
		RepositoryURL: "http://127.0.0.1:1",
		Settings:      map[string]string{"fsync": "off", "shared_buffers": "16MB"},
	}
}

// folder is a new folder that any user can reach; those of t.TempDir are
// closed to Postgres when we are root.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, cfg embedded.Config) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *embedded.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// query runs one statement in a connection of its own.
func query(t *testing.T, address, sql string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(got, ",")
}

func remember(t *testing.T, s string) {
	t.Helper()
	query(t, s, "CREATE TABLE kept AS SELECT 'still here' AS what")
}

func checkRemembered(t *testing.T, s string) {
	t.Helper()
	if got := query(t, s, "SELECT what FROM kept"); got != "still here" {
		t.Errorf("the table holds %q, want what was written before", got)
	}
}

func TestRestartKeepsData(t *testing.T) {
	dir := filepath.Join(folder(t), "deep", "postgres")
	first := start(t, config(dir))
	remember(t, first.URL())
	stop(t, first)
	select {
	case <-first.Done():
	default:
		t.Error("Done is open after Stop")
	}
	if err := first.Err(); err != nil {
		t.Errorf("Err after Stop = %v, want nil", err)
	}
	stop(t, first) // a second Stop does no harm

	second := start(t, config(dir))
	checkRemembered(t, second.URL())
	if err := second.Err(); err != nil {
		t.Errorf("Err of a running server = %v, want nil", err)
	}
}

func TestSettings(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	cfg := config(dir)
	cfg.Settings["max_connections"] = "23"
	cfg.Settings["listen_addresses"] = "*" // the package's promise wins
	s := start(t, cfg)
	for setting, want := range map[string]string{
		"max_connections":         "23",
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"server_encoding":         "UTF8",
		"data_checksums":          "on",
		"password_encryption":     "scram-sha-256",
		"fsync":                   "off",
		"TimeZone":                "UTC",
	} {
		if got := query(t, s.URL(), "SHOW "+setting); got != want {
			t.Errorf("%s = %q, want %q", setting, got, want)
		}
	}
	who := query(t, s.URL(), "SELECT current_user || ' ' || current_database() || ' ' || usesuper FROM pg_user WHERE usename = current_user")
	if want := "openinsure openinsure true"; who != want {
		t.Errorf("connected as %q, want %q", who, want)
	}

	u, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("openinsure", "guess")
	if conn, err := pgx.Connect(t.Context(), u.String()); err == nil {
		conn.Close(t.Context())
		t.Error("a wrong password is let in")
	}
	info, err := os.Stat(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode of the password file = %o, want 600", got)
	}
}

func TestTwoServersAtOnce(t *testing.T) {
	dir := folder(t)
	one := start(t, config(filepath.Join(dir, "one")))
	two := start(t, config(filepath.Join(dir, "two")))
	remember(t, one.URL())
	remember(t, two.URL()) // would fail if it were the same server
}

func TestSecondServerOnTheFolderIsRefused(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	first := start(t, config(dir))
	cfg := config(dir)
	cfg.LockWait = 100 * time.Millisecond
	second, err := embedded.Start(t.Context(), cfg)
	if err == nil {
		stop(t, second)
	}
	if !errors.Is(err, embedded.ErrInUse) || !strings.Contains(err.Error(), "another openinsure is using "+dir) {
		t.Errorf("second start: %v, want %v %s", err, embedded.ErrInUse, dir)
	}
	remember(t, first.URL()) // the first is unharmed

	cfg.LockWait = time.Hour
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := embedded.Start(ctx, cfg); !errors.Is(err, gone) {
		t.Errorf("start with a cancelled context: %v, want its cause", err)
	}
}

// A parent is the test binary running helper.
type parent struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
	url   string
}

func startParent(t *testing.T, dir string) *parent {
	t.Helper()
	p := launchParent(t, dir)
	p.url = p.line(t)
	if !strings.HasPrefix(p.url, "postgres://") {
		t.Fatalf("the helper says %q, want a URL", p.url)
	}
	return p
}

// launchParent does not wait for its server.
func launchParent(t *testing.T, dir string) *parent {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &parent{cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
	t.Cleanup(p.kill)
	return p
}

func (p *parent) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("the helper fell silent: %v", p.lines.Err())
	}
	return p.lines.Text()
}

// kill is kill -9; a second one does nothing.
func (p *parent) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func TestParentKilled(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	p := startParent(t, dir)
	remember(t, p.url)
	p.kill()

	s := start(t, config(dir))
	checkRemembered(t, s.URL())
	if s.URL() == p.url {
		t.Error("the second server has the URL of the first")
	}
	if conn, err := pgx.Connect(t.Context(), p.url); err == nil {
		conn.Close(t.Context())
		t.Error("the Postgres of the killed parent still answers")
	}
}

func TestCtrlCReachesOnlyTheParent(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	p := startParent(t, dir)
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if got := p.line(t); got != "interrupted" {
		t.Fatalf("the helper says %q, want that it was interrupted", got)
	}
	remember(t, p.url)
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the helper stops its server: %v", err)
	}
}

func postmaster(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestPostgresKilled(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	first := start(t, config(dir))
	remember(t, first.URL())
	if err := syscall.Kill(postmaster(t, dir), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-first.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("Done is open though Postgres is dead")
	}
	if err := first.Err(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("Err = %v, want that it was killed", err)
	}

	second := start(t, config(dir)) // without a Stop of the first
	checkRemembered(t, second.URL())
	stop(t, first) // nothing to do, and not the second's
	checkRemembered(t, second.URL())
}

func TestRecycledProcessNumber(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	first := start(t, config(dir))
	remember(t, first.URL())
	stop(t, first)

	stranger := exec.Command("sleep", "600")
	stranger.Dir = "/"
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	})
	pidfile := filepath.Join(dir, "data", "postmaster.pid")
	if err := os.WriteFile(pidfile, fmt.Appendf(nil, "%d\n%s\n", stranger.Process.Pid, filepath.Dir(pidfile)), 0o600); err != nil {
		t.Fatal(err)
	}

	second := start(t, config(dir))
	checkRemembered(t, second.URL())
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the stranger was hurt: %v", err)
	}
}

func TestHalfDoneInitIsStartedOver(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	half := filepath.Join(dir, "init-123", "C.UTF-8")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(half, "PG_VERSION"), []byte("15\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := start(t, config(dir))
	remember(t, s.URL())
	if left, _ := filepath.Glob(filepath.Join(dir, "init-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestForeignFilesAreNotRemoved(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	file := filepath.Join(dir, "data", "thesis.txt")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("years of work"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := embedded.Start(t.Context(), config(dir))
	if err == nil {
		stop(t, s)
	}
	if err == nil || !strings.Contains(err.Error(), "is not a Postgres data folder") {
		t.Errorf("start: %v, want a refusal", err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

func TestEndWhileStartingTellsWhy(t *testing.T) {
	cfg := config(filepath.Join(folder(t), "postgres"))
	cfg.Settings["max_connections"] = "many"
	s, err := embedded.Start(t.Context(), cfg)
	if err == nil {
		stop(t, s)
	}
	if err == nil || !strings.Contains(err.Error(), `invalid value for parameter "max_connections"`) {
		t.Errorf("start: %v, want what Postgres said", err)
	}
}

func TestLongLogIsEmptied(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "postgres.log")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 11<<20); err != nil {
		t.Fatal(err)
	}
	s := start(t, config(dir))
	stop(t, s)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() == 0 || info.Size() > 1<<20 {
		t.Errorf("the log has %d bytes, want those of one run", info.Size())
	}
}

// awaitFile waits for something that another process makes.
func awaitFile(t *testing.T, pattern string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("there is no %s", pattern)
		}
	}
}

func TestParentKilledDuringInit(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	p := launchParent(t, dir)
	awaitFile(t, filepath.Join(dir, "init-*", "*", "PG_VERSION"))
	p.kill()
	if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
		t.Error("there is a data folder before initdb has finished")
	}
	s := start(t, config(dir))
	remember(t, s.URL())
}

func TestCancelledStart(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	result := make(chan error, 1)
	go func() {
		s, err := embedded.Start(ctx, config(dir))
		if err == nil {
			err = errors.Join(errors.New("it started"), s.Stop(context.Background()))
		}
		result <- err
	}()
	awaitFile(t, filepath.Join(dir, "init-*", "*", "PG_VERSION"))
	cancel(enough)
	if err := <-result; !errors.Is(err, enough) {
		t.Errorf("cancelled start: %v, want %v", err, enough)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "init-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	start(t, config(dir)) // the folder is free and clean
}

func TestImpatientStop(t *testing.T) {
	dir := filepath.Join(folder(t), "postgres")
	first := start(t, config(dir))
	remember(t, first.URL())
	ctx, cancel := context.WithCancelCause(t.Context())
	hurry := errors.New("hurry")
	cancel(hurry)
	// Postgres may be quick enough to be gone in time.
	if err := first.Stop(ctx); err != nil && !errors.Is(err, hurry) {
		t.Errorf("Stop = %v, want %v", err, hurry)
	}
	select {
	case <-first.Done():
	default:
		t.Error("Done is open after Stop")
	}
	if err := first.Err(); err != nil {
		t.Errorf("Err after Stop = %v, want nil", err)
	}
	second := start(t, config(dir))
	checkRemembered(t, second.URL())
}
