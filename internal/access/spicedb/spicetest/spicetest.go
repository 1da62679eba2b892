// Package spicetest gives a test a real SpiceDB of its own, to be stopped,
// frozen and lost. It never skips: where it cannot be built, the test fails.
package spicetest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/openinsure/openinsure/internal/proctest"
)

// startIn is how long a SpiceDB may take to answer, which only a crowded machine
// needs.
const startIn = time.Minute

// main is what is built, of the module in internal/access/spicedbtest.
const main = "github.com/authzed/spicedb/cmd/spicedb"

// build builds the server once for each version of it and of Go, into the
// user's cache, and returns where it is. Test binaries that come at the same
// time wait for one another.
var build = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/openinsure/openinsure").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal", "access", "spicedbtest")
	hash := sha256.New()
	for _, file := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(dir, file)) //nolint:gosec // of our own repository
		if err != nil {
			return "", err
		}
		_, _ = hash.Write(b) // never fails
	}
	_, _ = hash.Write([]byte(runtime.Version()))
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "openinsure-test")
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // a cache of programs
		return "", err
	}
	binary := filepath.Join(cache, "spicedb-"+hex.EncodeToString(hash.Sum(nil))[:16])
	lock, err := os.Create(binary + ".lock") //nolint:gosec // in our own cache
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("wait for another build: %w", err)
	}
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	cmd := exec.Command("go", "-C", dir, "build", "-ldflags=-s -w", "-o", binary+".new", main) //nolint:gosec // a constant, to our own cache
	cmd.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if said, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build SpiceDB: %w\n%s", err, said)
	}
	return binary, os.Rename(binary+".new", binary)
})

// A Server is one SpiceDB, which keeps everything in memory. Its methods are for
// the goroutine of the test.
type Server struct {
	*proctest.Process
	t     testing.TB
	addr  string
	token string
	log   *bytes.Buffer // read when the process is gone
	tls   []string      // of the command line; none: it speaks without TLS
	creds credentials.TransportCredentials
}

// Start starts a server on a free port of the loopback and stops it when the
// test is over.
func Start(t testing.TB) *Server {
	t.Helper()
	s := Reserved(t)
	s.startSomewhere()
	return s
}

// StartTLS is Start of a server with a certificate for its address, which no
// system trusts, and returns the file of the certificate that vouches for it.
func StartTLS(t testing.TB) (s *Server, ca string) {
	t.Helper()
	s = Reserved(t)
	dir := t.TempDir()
	cert, key := certificate(t)
	ca = filepath.Join(dir, "ca.pem")
	for name, b := range map[string][]byte{ca: cert, filepath.Join(dir, "key.pem"): key} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(cert)
	s.tls = []string{"--grpc-tls-cert-path", ca, "--grpc-tls-key-path", filepath.Join(dir, "key.pem")}
	s.creds = credentials.NewTLS(&tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12})
	s.startSomewhere()
	return s, ca
}

// certificate is one for the loopback that vouches for itself, as PEM.
func certificate(t testing.TB) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a SpiceDB of a test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})
}

// startSomewhere starts the server on another port when its own is taken.
func (s *Server) startSomewhere() {
	s.t.Helper()
	var err error
	for range 5 { // somebody else may take the free port before SpiceDB does
		if err = s.start(); err == nil {
			return
		}
		if s.addr, err = proctest.Free(); err != nil {
			break
		}
	}
	s.t.Fatalf("start a SpiceDB for the test: %v", err)
}

// Reserved returns the address of a server that was never started; Restart
// starts it.
func Reserved(t testing.TB) *Server {
	t.Helper()
	addr, err := proctest.Free()
	if err != nil {
		t.Fatal(err)
	}
	return &Server{Process: proctest.New(t), t: t, addr: addr, token: rand.Text(), creds: insecure.NewCredentials()}
}

func (s *Server) start() error {
	binary, err := build()
	if err != nil {
		return err
	}
	s.log = &bytes.Buffer{}
	args := append([]string{"serve", "--grpc-addr", s.addr, "--grpc-preshared-key", s.token,
		"--datastore-engine", "memory", "--http-enabled=false", "--metrics-enabled=false", "--dispatch-cluster-enabled=false",
		"--telemetry-endpoint", "", "--skip-release-check", "--log-level", "warn"}, s.tls...)
	cmd := exec.Command(binary, args...) //nolint:gosec // what we built
	cmd.Stdout, cmd.Stderr = s.log, s.log
	if err := s.Process.Start(cmd); err != nil {
		return err
	}
	if err := s.answers(); err != nil {
		s.Kill()
		return fmt.Errorf("%w; it said:\n%s", err, s.log)
	}
	return nil
}

// answers waits until the server says that it is well.
func (s *Server) answers() error {
	conn, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(s.creds))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeoutCause(context.Background(), startIn, errors.New("the start of SpiceDB"))
	defer cancel()
	for {
		res, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: "authzed.api.v1.PermissionsService"})
		if err == nil && res.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING {
			return nil
		}
		select {
		case <-s.Ended():
			return errors.New("SpiceDB ended")
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w (%w)", context.Cause(ctx), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Addr is host:port.
func (s *Server) Addr() string { return s.addr }

// Token is the preshared key.
func (s *Server) Token() string { return s.token }

// Restart starts the server again at its address, empty; a running one is
// killed first.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.t.Fatalf("restart SpiceDB: %v", err)
	}
}
