package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// addEndpoint gives an organisation an endpoint.
func addEndpoint(t *testing.T, db *store.DB, by access.Actor) push.Endpoint {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	e := push.Endpoint{
		ID: push.NewEndpointID(now), Org: by.Org, URL: "https://hooks.example.com", Types: []string{"*"}, AtOnce: push.AtOnce,
		Schedule: push.StandardSchedule, Secret: "whsec_of " + by.ID, Status: push.Enabled, CreatedBy: by.ID, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error { return tx.AddEndpoint(t.Context(), e) }); err != nil {
		t.Fatal(err)
	}
	return e
}

// TestEndpointSecretIsForSigning: reads do not have it, whoever sends does.
func TestEndpointSecretIsForSigning(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	e := addEndpoint(t, db, by)
	read := must[push.Endpoint](t)(db.As(by).Endpoint(t.Context(), e.ID))
	if read.Secret != "" {
		t.Error("a read has the secret")
	}
	err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		if _, err := tx.KeepEndpoint(t.Context(), e.ID); err != nil {
			return err
		}
		_, err := tx.AddTestDelivery(t.Context(), e.ID, event.New(by.Org, "", event.PolicyBound{}, time.Now()).ID, "policy.bound", []byte(`{}`))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	read.Description = "Saved"
	must[push.Endpoint](t)(inTx(t, db, by, func(tx *store.Tx) (push.Endpoint, error) { return tx.SaveEndpoint(t.Context(), read) }))
	leased := must[[]push.Delivery](t)(db.Lease(t.Context(), push.Webhook, "node", 10, time.Minute))
	if len(leased) != 1 || leased[0].Endpoint.Secret != e.Secret || string(leased[0].Payload) != `{}` {
		t.Errorf("leased %+v", leased)
	}
}

func inTx[T any](t *testing.T, db *store.DB, by access.Actor, f func(*store.Tx) (T, error)) (v T, err error) {
	t.Helper()
	err = db.InTx(t.Context(), by, func(tx *store.Tx) error {
		v, err = f(tx)
		return err
	})
	return v, err
}

// TestDeleteWaitsForWhatIsOwed: an endpoint that somebody is about to owe
// something is deleted after that, and owed nothing.
func TestDeleteWaitsForWhatIsOwed(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	e := addEndpoint(t, db, by)
	deleted := make(chan error, 1)
	var owed push.Owed
	err := db.InTx(t.Context(), by, func(tx *store.Tx) error {
		if _, err := tx.KeepEndpoint(t.Context(), e.ID); err != nil {
			return err
		}
		go func() {
			deleted <- db.InTx(t.Context(), by, func(tx *store.Tx) error { return tx.DeleteEndpoint(t.Context(), e.ID) })
		}()
		waitForLock(t, db)
		var err error
		owed, err = tx.AddTestDelivery(t.Context(), e.ID, event.New(by.Org, "", event.PolicyBound{}, time.Now()).ID, "policy.bound", []byte(`{}`))
		return err
	})
	if err := errors.Join(err, <-deleted); err != nil {
		t.Fatal(err)
	}
	if d := must[push.Owed](t)(db.As(by).Delivery(t.Context(), e.ID, owed.ID)); d.State != push.StateCancelled || d.DoneAt == nil {
		t.Errorf("what was owed is %s", d.State)
	}
	_, err = inTx(t, db, by, func(tx *store.Tx) (push.Endpoint, error) { return tx.KeepEndpoint(t.Context(), e.ID) })
	if !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("kept: %v", err)
	}
}

// waitForLock waits until somebody waits for a lock.
func waitForLock(t *testing.T, db *store.DB) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if storetest.Value[int](t, db, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0 {
			return
		}
	}
	t.Fatal("nobody waits for a lock")
}

// TestSaveEndpointByVersion: of two who read one version, one saves.
func TestSaveEndpointByVersion(t *testing.T) {
	db := storetest.New(t)
	by := storetest.Org(t, db, "Summit")
	e := addEndpoint(t, db, by)
	save := func() (push.Endpoint, error) {
		return inTx(t, db, by, func(tx *store.Tx) (push.Endpoint, error) { return tx.SaveEndpoint(t.Context(), e) })
	}
	if saved := must[push.Endpoint](t)(save()); saved.Version != 2 {
		t.Errorf("version %d", saved.Version)
	}
	if _, err := save(); !errors.Is(err, fault.ErrStale) {
		t.Errorf("saved over another's change: %v", err)
	}
}
