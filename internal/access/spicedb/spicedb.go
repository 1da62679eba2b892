// Package spicedb puts every question about permission to a SpiceDB as well,
// and keeps that SpiceDB in step with our own tuples.
//
// It can refuse and never grant: access confirms what SpiceDB allows by the
// tuples in Postgres. When SpiceDB does not answer, or has not been told yet
// what an answer depends on, the answer is
// access.ErrUnavailable.
package spicedb

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	pb "github.com/authzed/authzed-go/proto/authzed/api/v1"

	"github.com/openinsure/openinsure/internal/access"
)

// Config says how to reach SpiceDB. Endpoint and Token are needed.
type Config struct {
	Endpoint   string // host:port
	Token      string // the preshared key
	Plaintext  bool   // no TLS: for a SpiceDB on the same machine or network
	RootCAs    *x509.CertPool
	Timeout    time.Duration // of one question, waiting for a change to arrive included; 2 s when 0
	Logger     *slog.Logger  // nil discards
	Registerer prometheus.Registerer

	// Of the mirror: how often everything is compared (10 min when 0) and how
	// often it looks whether SpiceDB is still filled (2 s when 0).
	Compare, Probe time.Duration
}

// A Client asks one SpiceDB. It is an access.Evaluator.
type Client struct {
	conn    *grpc.ClientConn
	schema  pb.SchemaServiceClient
	tuples  pb.PermissionsServiceClient
	ledger  access.Ledger
	timeout time.Duration
	log     *slog.Logger
	cfg     Config
	numbers *numbers
	again   chan struct{} // somebody found SpiceDB empty
	unwell  atomic.Bool   // the last question had no answer
}

// bearer is the preshared key of each call.
type bearer struct {
	token     string
	plaintext bool
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (b bearer) RequireTransportSecurity() bool { return !b.plaintext }

// New returns a client of the SpiceDB at cfg.Endpoint, which need not be there
// yet.
func New(ledger access.Ledger, cfg Config) (*Client, error) {
	if !strings.Contains(cfg.Endpoint, ":") || strings.Contains(cfg.Endpoint, "/") {
		return nil, errors.New("the endpoint is host:port, without a scheme")
	}
	if cfg.Token == "" {
		return nil, errors.New("there is no token")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.Compare == 0 {
		cfg.Compare = 10 * time.Minute
	}
	if cfg.Probe == 0 {
		cfg.Probe = 2 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	transport := credentials.NewTLS(&tls.Config{RootCAs: cfg.RootCAs, MinVersion: tls.VersionTLS12})
	if cfg.Plaintext {
		transport = insecure.NewCredentials()
	}
	conn, err := grpc.NewClient(cfg.Endpoint,
		grpc.WithTransportCredentials(transport),
		grpc.WithPerRPCCredentials(bearer{cfg.Token, cfg.Plaintext}),
		// The default waits for two minutes before it looks again.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("reach SpiceDB: %w", err)
	}
	return &Client{
		conn: conn, schema: pb.NewSchemaServiceClient(conn), tuples: pb.NewPermissionsServiceClient(conn), ledger: ledger, timeout: cfg.Timeout, log: cfg.Logger, cfg: cfg,
		numbers: newNumbers(cfg.Registerer), again: make(chan struct{}, 1),
	}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// behindEvery is how often a question looks whether what it waits for has been
// told.
const behindEvery = 20 * time.Millisecond

// errEmpty is why a SpiceDB is not asked: it has not been filled since it
// started, or is another's.
var errEmpty = errors.New("SpiceDB does not hold what we mirrored")

// errBehind is why a refusal is not believed.
var errBehind = errors.New("SpiceDB has not been told of a change yet")

// Evaluate implements access.Evaluator. It refuses only by what is as new as the
// last change that the question may depend on.
func (c *Client) Evaluate(ctx context.Context, by access.Actor, want access.Permission, on access.Object) (access.Opinion, error) {
	if _, _, ok := by.Subject(); !ok || on.ID == "" {
		return access.Opinion{}, nil // the graph does not know him
	}
	began := time.Now()
	said, err := c.evaluate(ctx, by, want, on)
	c.numbers.asked(said, err, time.Since(began))
	c.unwell.Store(errors.Is(err, access.ErrUnavailable))
	return said, err
}

// Well reports whether the last question was answered.
func (c *Client) Well() bool { return !c.unwell.Load() }

func (c *Client) evaluate(ctx context.Context, by access.Actor, want access.Permission, on access.Object) (access.Opinion, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errors.New("permissions"))
	defer cancel()
	tick := time.NewTicker(behindEvery)
	defer tick.Stop()
	for {
		fresh, err := c.ledger.Freshness(ctx, access.Ties(by, on))
		if err != nil && ctx.Err() != nil {
			return access.Opinion{}, c.unavailable(ctx, err) // our time ran out while Postgres was asked
		}
		if err != nil {
			return access.Opinion{}, err // the store's own
		}
		said, err := c.ask(ctx, fresh, by, want, on)
		if err != nil {
			return access.Opinion{}, c.unavailable(ctx, err)
		}
		if said.Holds || !fresh.Behind && fresh.Alive {
			return said, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return access.Opinion{}, c.unavailable(ctx, errBehind)
		}
	}
}

// unavailable makes the fault of what kept us from an answer. A caller who went
// away is not SpiceDB's fault.
func (c *Client) unavailable(ctx context.Context, err error) error {
	if errors.Is(err, errEmpty) {
		select {
		case c.again <- struct{}{}:
		default:
		}
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Cause(ctx)
	}
	return access.ErrUnavailable.Because(err)
}

// ask puts the question, whether the object is known, and whether SpiceDB is
// whole, in one call.
func (c *Client) ask(ctx context.Context, fresh access.Freshness, by access.Actor, want access.Permission, on access.Object) (access.Opinion, error) {
	kind, id, _ := by.Subject()
	item := func(p access.Permission) *pb.CheckBulkPermissionsRequestItem {
		return &pb.CheckBulkPermissionsRequestItem{
			Resource:   &pb.ObjectReference{ObjectType: string(on.Type), ObjectId: on.ID},
			Permission: string(p),
			Subject:    &pb.SubjectReference{Object: &pb.ObjectReference{ObjectType: kind, ObjectId: id}},
		}
	}
	items := []*pb.CheckBulkPermissionsRequestItem{item(want), item(access.Known), marker(fresh.Mirror)}
	yes, err := c.check(ctx, atLeast(fresh.Token), items)
	if code := status.Code(err); code == codes.InvalidArgument || code == codes.OutOfRange || err == nil && !yes[2] {
		// The token is of another SpiceDB, or a copy from before it was filled
		// answered.
		yes, err = c.check(ctx, newest(), items)
	}
	switch {
	case status.Code(err) == codes.FailedPrecondition:
		return access.Opinion{}, errors.Join(errEmpty, err) // it has no schema, or another
	case err != nil:
		return access.Opinion{}, err
	case !yes[2]:
		return access.Opinion{}, errEmpty
	}
	return access.Opinion{Holds: yes[0], Known: yes[1]}, nil
}

// check answers several questions at one moment.
func (c *Client) check(ctx context.Context, at *pb.Consistency, items []*pb.CheckBulkPermissionsRequestItem) ([]bool, error) {
	res, err := c.tuples.CheckBulkPermissions(ctx, &pb.CheckBulkPermissionsRequest{Consistency: at, Items: items})
	if err != nil {
		return nil, err
	}
	if len(res.GetPairs()) != len(items) {
		return nil, fmt.Errorf("SpiceDB answered %d questions of %d", len(res.GetPairs()), len(items))
	}
	yes := make([]bool, len(items))
	for i, pair := range res.GetPairs() {
		if e := pair.GetError(); e != nil {
			return nil, status.ErrorProto(e)
		}
		yes[i] = pair.GetItem().GetPermissionship() == pb.CheckPermissionResponse_PERMISSIONSHIP_HAS_PERMISSION
	}
	return yes, nil
}

// atLeast asks for an answer no older than a token; of no token any is old
// enough only when it is the newest.
func atLeast(token string) *pb.Consistency {
	if token == "" {
		return newest()
	}
	return &pb.Consistency{Requirement: &pb.Consistency_AtLeastAsFresh{AtLeastAsFresh: &pb.ZedToken{Token: token}}}
}

func newest() *pb.Consistency {
	return &pb.Consistency{Requirement: &pb.Consistency_FullyConsistent{FullyConsistent: true}}
}
