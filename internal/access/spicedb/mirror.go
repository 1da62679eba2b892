package spicedb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/authzed/authzed-go/proto/authzed/api/v1"

	"github.com/openinsure/openinsure/internal/access"
)

// markerType is the type of the one object in SpiceDB that is not of ours. That
// it stands in relation to itself says that everything has been mirrored since
// that SpiceDB was empty.
const markerType = "openinsure_mirror"

const markerSchema = "\ndefinition " + markerType + " {\n\trelation whole: " + markerType + "\n}\n"

// Schema is what is written to SpiceDB: who may do what, and the marker.
func Schema() string { return access.Zed() + markerSchema }

// marker asks whether a SpiceDB holds all that the database of that id does.
func marker(id string) *pb.CheckBulkPermissionsRequestItem {
	o := &pb.ObjectReference{ObjectType: markerType, ObjectId: id}
	return &pb.CheckBulkPermissionsRequestItem{Resource: o, Permission: "whole", Subject: &pb.SubjectReference{Object: o}}
}

// Times of the mirror.
const (
	turnEvery  = 50 * time.Millisecond // looking for changes
	leaseEvery = time.Second           // renewing the lease, or trying for it
	callTime   = 10 * time.Second      // one call of the mirror
	mostPause  = 2 * time.Second       // after a failure
	lookBatch  = 500
	soon       = time.Minute // after filling, everything is compared once more
)

// A mirror is a node's try at mirroring, while it holds the lease.
type mirror struct {
	*Client
	holder   string
	id       string // of the database
	leased   time.Time
	wrote    bool      // the schema, since this node started
	filled   bool      // everything was compared since SpiceDB was found empty
	whole    bool      // and passed on
	compared time.Time // the last time
	probed   time.Time
	failing  bool
}

// Mirror keeps SpiceDB in step until ctx is over. Every node may run it: one at
// a time mirrors, by a lease.
func (c *Client) Mirror(ctx context.Context) error {
	m := &mirror{Client: c, holder: rand.Text()}
	pause := turnEvery
	for ctx.Err() == nil {
		wait, err := m.turn(ctx)
		switch {
		case err == nil:
			if m.failing {
				c.log.InfoContext(ctx, "SpiceDB is mirrored to again")
			}
			m.failing, pause = false, turnEvery
		case ctx.Err() != nil:
		default:
			if !m.failing {
				c.log.WarnContext(ctx, "SpiceDB is not mirrored to", "error", err)
			}
			c.numbers.failed.Inc()
			m.failing, pause = true, min(2*pause, mostPause)
			wait = pause
		}
		sleep(ctx, wait)
	}
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), time.Second, errors.New("end of the lease"))
	defer cancel()
	if err := c.ledger.ReleaseMirror(ctx, m.holder); err != nil {
		c.log.WarnContext(ctx, "the lease of mirroring was not given back", "error", err)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// turn does what is to be done and returns how long there is nothing more.
func (m *mirror) turn(ctx context.Context) (time.Duration, error) {
	if time.Since(m.leased) >= leaseEvery {
		id, held, err := m.ledger.LeaseMirror(ctx, m.holder)
		if err != nil || !held {
			m.leased, m.filled, m.whole = time.Time{}, false, false
			m.numbers.holder.Set(0)
			return leaseEvery, err
		}
		m.id, m.leased = id, time.Now()
		m.numbers.holder.Set(1)
		if err := m.measure(ctx); err != nil {
			return 0, err
		}
	}
	if err := m.probe(ctx); err != nil {
		return 0, err
	}
	if !m.filled || time.Since(m.compared) >= m.cfg.Compare {
		if err := m.fill(ctx); err != nil {
			return 0, err
		}
	}
	n, more, err := m.ledger.PassOn(ctx, m.holder, m.write)
	if err != nil {
		m.probed = time.Time{}
		return 0, err
	}
	m.numbers.mirrored.Add(float64(n))
	// All that filling noted has been passed on. What was changed meanwhile is
	// known to wait, and under traffic something always does.
	if !more && !m.whole {
		if err := m.mark(ctx); err != nil {
			return 0, err
		}
		m.whole = true
	}
	if n > 0 {
		return 0, nil
	}
	return turnEvery, nil
}

// measure tells how far behind we are.
func (m *mirror) measure(ctx context.Context) error {
	n, oldest, err := m.ledger.Waiting(ctx)
	if err == nil {
		m.numbers.waiting.Set(float64(n))
		m.numbers.lag.Set(oldest.Seconds())
	}
	return err
}

// probe looks whether SpiceDB still is what we filled.
func (m *mirror) probe(ctx context.Context) error {
	select {
	case <-m.again:
		m.probed = time.Time{}
	default:
	}
	if !m.whole || time.Since(m.probed) < m.cfg.Probe {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, errors.New("SpiceDB"))
	defer cancel()
	yes, err := m.check(ctx, newest(), []*pb.CheckBulkPermissionsRequestItem{marker(m.id)})
	if err != nil && status.Code(err) != codes.FailedPrecondition {
		return err
	}
	m.probed = time.Now()
	if err != nil || !yes[0] {
		m.log.WarnContext(ctx, "SpiceDB has lost what was mirrored, and is filled anew")
		m.wrote, m.filled, m.whole = false, false, false
	}
	return nil
}

// fill sees to the schema, and has everything that differs looked at again.
func (m *mirror) fill(ctx context.Context) error {
	if !m.wrote {
		if err := m.writeSchema(ctx); err != nil {
			return err
		}
		m.wrote = true
	}
	if err := m.compare(ctx); err != nil {
		return err
	}
	m.compared = time.Now()
	if !m.filled && m.cfg.Compare > soon {
		// What was under way when the first node began to mirror noted nothing.
		m.compared = m.compared.Add(soon - m.cfg.Compare)
	}
	m.filled = true
	return nil
}

// writeSchema writes ours where it differs. Nodes of two versions each do so
// once, when they begin to mirror, and do not fight.
func (m *mirror) writeSchema(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, errors.New("SpiceDB"))
	defer cancel()
	ours := Schema()
	diff, err := m.schema.DiffSchema(ctx, &pb.DiffSchemaRequest{Consistency: newest(), ComparisonSchema: ours})
	if err == nil && len(diff.GetDiffs()) == 0 {
		return nil
	}
	if err != nil && status.Code(err) != codes.NotFound {
		return fmt.Errorf("compare the schema: %w", err)
	}
	if _, err := m.schema.WriteSchema(ctx, &pb.WriteSchemaRequest{Schema: ours}); err != nil {
		return fmt.Errorf("write the schema: %w", err)
	}
	m.log.InfoContext(ctx, "the schema was written to SpiceDB")
	return nil
}

// A sum stands for a relationship where all are held at once.
type sum [16]byte

func sumOf(r access.Relationship) sum {
	h := sha256.Sum256([]byte(strings.Join([]string{string(r.Type), r.ID, r.Relation, r.SubjectType, r.SubjectID, r.SubjectRelation}, "\x00")))
	return sum(h[:16])
}

// compare finds what SpiceDB has and should not, and what it should have and has
// not. It repairs nothing by itself: what it finds is passed on in its turn, as
// it is in Postgres by then.
func (m *mirror) compare(ctx context.Context) error {
	due := map[sum]bool{} // whether SpiceDB has it
	if err := m.ledger.Everything(ctx, func(r access.Relationship) error {
		if access.Allows(r) {
			due[sumOf(r)] = false
		}
		return nil
	}); err != nil {
		return fmt.Errorf("read what is to be mirrored: %w", err)
	}
	var look []access.Relationship
	again := func(r access.Relationship) error {
		if look = append(look, r); len(look) < lookBatch {
			return nil
		}
		defer func() { look = nil }()
		return m.ledger.LookAgain(ctx, look)
	}
	foreign, missing := 0, 0
	for _, t := range types() {
		if err := m.everything(ctx, t, func(r access.Relationship) error {
			s := sumOf(r)
			if _, ok := due[s]; ok {
				due[s] = true
				return nil
			}
			foreign++
			return again(r)
		}); err != nil {
			return fmt.Errorf("read what is mirrored: %w", err)
		}
	}
	if err := m.ledger.Everything(ctx, func(r access.Relationship) error {
		if had, ok := due[sumOf(r)]; !ok || had {
			return nil
		}
		missing++
		return again(r)
	}); err != nil {
		return fmt.Errorf("read what is to be mirrored: %w", err)
	}
	if len(look) > 0 {
		if err := m.ledger.LookAgain(ctx, look); err != nil {
			return err
		}
	}
	m.numbers.repaired.WithLabelValues("removed").Add(float64(foreign))
	m.numbers.repaired.WithLabelValues("added").Add(float64(missing))
	if m.whole && foreign+missing > 0 {
		m.log.WarnContext(ctx, "SpiceDB was not in step and is repaired", "foreign", foreign, "missing", missing)
	}
	return nil
}

func types() []string {
	var out []string
	for t := range access.Schema {
		out = append(out, string(t))
	}
	slices.Sort(out)
	return out
}

// everything hands f what SpiceDB has of a type.
func (m *mirror) everything(ctx context.Context, of string, f func(access.Relationship) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute*5, errors.New("SpiceDB"))
	defer cancel()
	stream, err := m.tuples.ReadRelationships(ctx, &pb.ReadRelationshipsRequest{
		Consistency: newest(), RelationshipFilter: &pb.RelationshipFilter{ResourceType: of},
	})
	if err != nil {
		return err
	}
	for {
		res, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		r := res.GetRelationship()
		if err := f(access.Relationship{
			Type: access.Type(r.GetResource().GetObjectType()), ID: r.GetResource().GetObjectId(),
			Tuple: access.Tuple{
				Relation: r.GetRelation(), SubjectType: r.GetSubject().GetObject().GetObjectType(),
				SubjectID: r.GetSubject().GetObject().GetObjectId(), SubjectRelation: r.GetSubject().GetOptionalRelation(),
			},
		}); err != nil {
			return err
		}
	}
}

func relationship(r access.Relationship) *pb.Relationship {
	return &pb.Relationship{
		Resource: &pb.ObjectReference{ObjectType: string(r.Type), ObjectId: r.ID},
		Relation: r.Relation,
		Subject: &pb.SubjectReference{
			Object: &pb.ObjectReference{ObjectType: r.SubjectType, ObjectId: r.SubjectID}, OptionalRelation: r.SubjectRelation,
		},
	}
}

// write makes SpiceDB's relationships what they are in Postgres. What its
// schema does not take is left out: it grants nothing here either.
func (m *mirror) write(ctx context.Context, changes []access.Change) (string, error) {
	var updates []*pb.RelationshipUpdate
	for _, c := range changes {
		if !access.Allows(c.Relationship) {
			m.numbers.skipped.Inc()
			continue
		}
		op := pb.RelationshipUpdate_OPERATION_DELETE
		if c.Present {
			op = pb.RelationshipUpdate_OPERATION_TOUCH
		}
		updates = append(updates, &pb.RelationshipUpdate{Operation: op, Relationship: relationship(c.Relationship)})
	}
	if len(updates) == 0 {
		return "", nil
	}
	return m.send(ctx, updates)
}

func (m *mirror) send(ctx context.Context, updates []*pb.RelationshipUpdate) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callTime, errors.New("SpiceDB"))
	defer cancel()
	res, err := m.tuples.WriteRelationships(ctx, &pb.WriteRelationshipsRequest{Updates: updates})
	if err != nil {
		return "", fmt.Errorf("write relationships: %w", err)
	}
	return res.GetWrittenAt().GetToken(), nil
}

// mark says in SpiceDB that all of ours is there.
func (m *mirror) mark(ctx context.Context) error {
	_, err := m.send(ctx, []*pb.RelationshipUpdate{{
		Operation: pb.RelationshipUpdate_OPERATION_TOUCH,
		Relationship: relationship(access.Relationship{
			Type: markerType, ID: m.id, Tuple: access.Tuple{Relation: "whole", SubjectType: markerType, SubjectID: m.id},
		}),
	}})
	return err
}
