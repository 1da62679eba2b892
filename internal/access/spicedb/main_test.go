package spicedb_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	pb "github.com/authzed/authzed-go/proto/authzed/api/v1"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/access/spicedb"
	"github.com/openinsure/openinsure/internal/access/spicedb/spicetest"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// A world is a Postgres that is mirrored to a SpiceDB.
type world struct {
	t      testing.TB
	db     *store.DB
	server *spicetest.Server
	client *spicedb.Client
	raw    raw
	stop   func() // ends the mirror and waits
}

// raw speaks to a SpiceDB behind our back.
type raw struct {
	t   testing.TB
	ctx context.Context
	pb.PermissionsServiceClient
	pb.SchemaServiceClient
}

func rawOf(t testing.TB, s *spicetest.Server) raw {
	t.Helper()
	conn, err := grpc.NewClient(s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+s.Token())
	return raw{t, ctx, pb.NewPermissionsServiceClient(conn), pb.NewSchemaServiceClient(conn)}
}

func newWorld(t testing.TB, cfg spicedb.Config) *world {
	t.Helper()
	w := &world{t: t, db: storetest.New(t), server: spicetest.Start(t)}
	w.client = w.join(cfg)
	w.db.Judge(w.client)
	w.raw = rawOf(t, w.server)
	w.mirror()
	return w
}

// join returns one more client of the world's SpiceDB.
func (w *world) join(cfg spicedb.Config) *spicedb.Client {
	w.t.Helper()
	return w.joinOver(w.db, cfg)
}

// joinOver is join for a client that mirrors another ledger.
func (w *world) joinOver(l access.Ledger, cfg spicedb.Config) *spicedb.Client {
	w.t.Helper()
	cfg.Endpoint, cfg.Token, cfg.Plaintext = w.server.Addr(), w.server.Token(), true
	if cfg.Probe == 0 {
		cfg.Probe = 100 * time.Millisecond
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second // the machine may be crowded
	}
	c, err := spicedb.New(l, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// mirror starts the world's mirror.
func (w *world) mirror() { w.stop = run(w.t, w.client) }

// run runs a mirror until stop is called, at the test's end at the latest.
func run(t testing.TB, c *spicedb.Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Mirror(ctx) }()
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// eventually tries until f returns nil.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// check asks as a use case does.
func (w *world) check(by access.Actor, want access.Permission, on access.Object) error {
	return access.Check(w.t.Context(), w.db.As(by), by, want, on)
}

// ready waits until questions are answered.
func (w *world) ready() {
	w.t.Helper()
	by := access.Actor{Kind: access.User, ID: access.NewUserID(time.Now()).String(), Org: access.NewOrgID(time.Now())}
	eventually(w.t, func() error {
		err := w.check(by, access.Read, access.OrgObject(by.Org))
		if errors.Is(err, fault.ErrForbidden) {
			return nil
		}
		return err
	})
}

// relate changes a tuple of an object as the use cases do.
func (w *world) relate(on access.Object, there bool, tuple access.Tuple) {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context()) // a mirror may ask for it until it is stopped, which is after the test
	err := w.db.InTx(ctx, access.Actor{Kind: access.System, ID: "system", Org: on.Org}, func(tx *store.Tx) error {
		if there {
			return tx.Relate(ctx, on, tuple)
		}
		return tx.Unrelate(ctx, on, tuple.SubjectType, tuple.SubjectID)
	})
	if err != nil {
		w.t.Error(err)
	}
}

// write puts a relationship into SpiceDB that nobody mirrored, or takes one out.
func (r raw) write(op pb.RelationshipUpdate_Operation, rel access.Relationship) {
	r.t.Helper()
	_, err := r.WriteRelationships(r.ctx, &pb.WriteRelationshipsRequest{Updates: []*pb.RelationshipUpdate{{Operation: op, Relationship: wire(rel)}}})
	if err != nil {
		r.t.Fatal(err)
	}
}

func wire(rel access.Relationship) *pb.Relationship {
	return &pb.Relationship{
		Resource: &pb.ObjectReference{ObjectType: string(rel.Type), ObjectId: rel.ID}, Relation: rel.Relation,
		Subject: &pb.SubjectReference{Object: &pb.ObjectReference{ObjectType: rel.SubjectType, ObjectId: rel.SubjectID}, OptionalRelation: rel.SubjectRelation},
	}
}

// says is what SpiceDB itself says.
func (r raw) says(by access.Actor, want access.Permission, on access.Object) bool {
	r.t.Helper()
	kind, id, _ := by.Subject()
	res, err := r.CheckPermission(r.ctx, &pb.CheckPermissionRequest{
		Consistency: &pb.Consistency{Requirement: &pb.Consistency_FullyConsistent{FullyConsistent: true}},
		Resource:    &pb.ObjectReference{ObjectType: string(on.Type), ObjectId: on.ID}, Permission: string(want),
		Subject: &pb.SubjectReference{Object: &pb.ObjectReference{ObjectType: kind, ObjectId: id}},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return res.GetPermissionship() == pb.CheckPermissionResponse_PERMISSIONSHIP_HAS_PERMISSION
}

// holds lists what SpiceDB has.
func (r raw) holds() []string {
	r.t.Helper()
	var out []string
	for of := range access.Schema {
		stream, err := r.ReadRelationships(r.ctx, &pb.ReadRelationshipsRequest{
			Consistency:        &pb.Consistency{Requirement: &pb.Consistency_FullyConsistent{FullyConsistent: true}},
			RelationshipFilter: &pb.RelationshipFilter{ResourceType: string(of)},
		})
		if err != nil {
			r.t.Fatal(err)
		}
		for {
			res, err := stream.Recv()
			if err != nil {
				break
			}
			rel := res.GetRelationship()
			out = append(out, line(access.Relationship{Type: access.Type(rel.GetResource().GetObjectType()), ID: rel.GetResource().GetObjectId(), Tuple: access.Tuple{
				Relation: rel.GetRelation(), SubjectType: rel.GetSubject().GetObject().GetObjectType(),
				SubjectID: rel.GetSubject().GetObject().GetObjectId(), SubjectRelation: rel.GetSubject().GetOptionalRelation(),
			}}))
		}
	}
	slices.Sort(out)
	return out
}

func line(r access.Relationship) string {
	return string(r.Type) + ":" + r.ID + "#" + r.Relation + "@" + r.SubjectType + ":" + r.SubjectID + "#" + r.SubjectRelation
}

// due lists what SpiceDB should have.
func (w *world) due() []string {
	w.t.Helper()
	var out []string
	if err := w.db.Everything(w.t.Context(), func(r access.Relationship) error {
		out = append(out, line(r))
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(out)
	return out
}
