package insurance_test

import (
	"errors"
	"testing"

	"github.com/openinsure/openinsure/internal/event"
	"github.com/openinsure/openinsure/internal/fault"
	"github.com/openinsure/openinsure/internal/insurance/submission"
	"github.com/openinsure/openinsure/store"
	"github.com/openinsure/openinsure/store/storetest"
)

// A draft that nobody touches for 90 days is forgotten, by everybody's time or by
// a test clock; nobody hears of it.
func TestDraftIsForgotten(t *testing.T) {
	db, desk, by := setUp(t)
	made, err := desk.Draft(t.Context(), by, submission.Submission{InsuredName: "Acme", LineOfBusiness: "GL", AnnualRevenue: submission.UnknownRevenue})
	if err != nil {
		t.Fatal(err)
	}
	later := made.CreatedAt.AddDate(0, 0, 60)
	storetest.SQL(t, db, `UPDATE submission_draft SET updated_at = $1::timestamptz, timer_at = $1::timestamptz + interval '90 days'`, later)
	there := func() bool {
		_, err := desk.DraftOf(t.Context(), by, made.ID)
		if err != nil && !errors.Is(err, fault.ErrNotFound) {
			t.Fatal(err)
		}
		return err == nil
	}
	if _, err := desk.Tick(t.Context(), later.AddDate(0, 0, 89)); err != nil || !there() {
		t.Fatalf("it is forgotten a day early: %v", err)
	}
	for range 2 {
		if _, err := desk.Tick(t.Context(), later.AddDate(0, 0, 90)); err != nil || there() {
			t.Fatalf("it is there yet: %v", err)
		}
	}
	if said := heard(t, db, by, event.OrgChannel(by.Org, event.Underwriting)); said != "" {
		t.Errorf("heard: %s", said)
	}
	// What is touched is kept.
	made, err = desk.Draft(t.Context(), by, submission.Submission{InsuredName: "Acme", LineOfBusiness: "GL"})
	if err != nil {
		t.Fatal(err)
	}
	storetest.SQL(t, db, `UPDATE submission_draft SET timer_at = now()`)
	if _, err := desk.Redraft(t.Context(), by, made.ID, func(s *submission.Submission) { s.State = "WA" }, whatever); err != nil {
		t.Fatal(err)
	}
	if _, err := desk.Tick(t.Context(), made.CreatedAt.AddDate(0, 0, 89)); err != nil || !there() {
		t.Errorf("it was touched and is forgotten: %v", err)
	}
	// A test clock goes by drafts, too.
	err = db.InTx(t.Context(), by, func(tx *store.Tx) error {
		due, ok, err := tx.NextDue(t.Context(), made.CreatedAt.AddDate(0, 0, 91), made.CreatedAt)
		if err == nil && (!ok || due.What != store.WhatDraft || due.Submission != made.ID) {
			t.Errorf("due: %+v, %t", due, ok)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
