package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// phoneOf is the one phone of the tests, in the hands of somebody.
func phoneOf(by access.Actor) push.Device {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return push.Device{
		ID: push.NewDeviceID(now), Subject: by.ID, Platform: push.IOS, Kind: push.APNs, Address: "a token", Environment: push.Production,
		RegisteredAt: now, LastSeenAt: now,
	}
}

// TestDeviceOfTheOneBefore: what is still owed to the phone of somebody goes to
// nobody once another has it.
func TestDeviceOfTheOneBefore(t *testing.T) {
	db := storetest.New(t)
	una := storetest.Org(t, db, "Summit")
	ben := storetest.Org(t, db, "Harbor")
	register := func(by access.Actor) push.Device {
		return must[push.Device](t)(inTx(t, db, by, func(tx *store.Tx) (push.Device, error) {
			d, _, err := tx.AddDevice(t.Context(), phoneOf(by))
			return d, err
		}))
	}
	owe := func(to push.Device) {
		storetest.SQL(t, db, `WITH n AS (
				INSERT INTO notification (org_id, subject, event_id, type, category, about, words, expires_at)
				VALUES ($1, $2, new_ulid(), 'policy.bound', 'policies', 'pol', '{"en":{"title":"t","body":"b"}}', now() + interval '1 hour') RETURNING *
			) INSERT INTO delivery (org_id, kind, target, event_id, type, notification_id) SELECT org_id, 'apns', $3, event_id, type, id FROM n`,
			to.Org.UUID(), to.Subject, to.ID.UUID())
	}
	lease := func() push.Delivery {
		ds := must[[]push.Delivery](t)(db.Lease(t.Context(), push.APNs, "node", 10, time.Minute))
		if len(ds) != 1 {
			t.Fatalf("leased %d", len(ds))
		}
		return ds[0]
	}
	hers := register(una)
	owe(hers)
	if d := lease(); d.Device == nil || d.Device.Address != "a token" || d.Device.Subject != una.ID {
		t.Fatalf("while it is hers: %+v", d.Device)
	}
	owe(hers)
	owed := register(ben)
	if d := lease(); d.Device != nil {
		t.Errorf("what she was owed goes to %+v", d.Device)
	}
	owe(owed)
	if d := lease(); d.Device == nil || d.Device.Subject != ben.ID || d.Device.Address != "a token" {
		t.Errorf("what he is owed goes to %+v", d.Device)
	}
}

// TestPhoneIsOfTheLastToCommit: of two who register one phone at once, the later
// one has it, with a device of his own.
func TestPhoneIsOfTheLastToCommit(t *testing.T) {
	db := storetest.New(t)
	una, ben := storetest.Org(t, db, "Summit"), storetest.Org(t, db, "Harbor")
	var his push.Device
	var known bool
	done := make(chan error, 1)
	err := db.InTx(t.Context(), una, func(tx *store.Tx) error {
		if _, _, err := tx.AddDevice(t.Context(), phoneOf(una)); err != nil {
			return err
		}
		go func() {
			done <- db.InTx(t.Context(), ben, func(tx *store.Tx) error {
				var err error
				his, known, err = tx.AddDevice(t.Context(), phoneOf(ben))
				return err
			})
		}()
		waitForLock(t, db)
		return nil
	})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	if his.Subject != ben.ID || his.Org != ben.Org || known {
		t.Errorf("he got %+v, known %v", his, known)
	}
	got := storetest.Value[string](t, db, `SELECT string_agg(id || ' of ' || subject, ', ') FROM device`)
	if want := fmt.Sprintf("%s of %s", his.ID.UUID(), ben.ID); got != want {
		t.Errorf("there is %s, want %s", got, want)
	}
}
