package storetest

import (
	"crypto/rand"
	"encoding/hex"
	"testing"
	"time"

	"github.com/openinsure/openinsure/internal/access"
	"github.com/openinsure/openinsure/push"
	"github.com/openinsure/openinsure/push/webhook/sign"
	"github.com/openinsure/openinsure/store"
)

// Endpoint adds an endpoint that wants every event, unless changed says
// otherwise, to the organisation of by.
func Endpoint(t testing.TB, db *store.DB, by access.Actor, changed ...func(*push.Endpoint)) push.Endpoint {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	e := push.Endpoint{
		ID: push.NewEndpointID(now), Org: by.Org, URL: "https://hooks.example.com/openinsure", Types: []string{"*"}, AtOnce: push.AtOnce,
		Schedule: push.StandardSchedule, Secret: sign.NewSecret(), Status: push.Enabled, CreatedBy: by.ID, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	for _, change := range changed {
		change(&e)
	}
	if err := db.InTx(t.Context(), by, func(tx *store.Tx) error { return tx.AddEndpoint(t.Context(), e) }); err != nil {
		t.Fatal(err)
	}
	return e
}

// Device registers an iPhone of who, unless changed says otherwise.
func Device(t testing.TB, db *store.DB, who access.Actor, changed ...func(*push.Device)) push.Device {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	d := push.Device{
		ID: push.NewDeviceID(now), Org: who.Org, Subject: who.ID, Platform: push.IOS, Kind: push.APNs, Address: hex.EncodeToString(raw),
		Environment: push.Production, RegisteredAt: now, LastSeenAt: now,
	}
	for _, change := range changed {
		change(&d)
	}
	err := db.InTx(t.Context(), who, func(tx *store.Tx) error {
		saved, _, err := tx.AddDevice(t.Context(), d)
		saved.Address = d.Address
		d = saved
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
