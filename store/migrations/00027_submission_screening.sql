-- What came of comparing an insured's names with a sanctions list, and with which
-- version of it; those that are there already are compared at the next start.
-- +goose Up
ALTER TABLE submission
  ADD COLUMN screening   jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN screened_by text NOT NULL DEFAULT '',
  ADD COLUMN sanctions   text NOT NULL DEFAULT '' CHECK (sanctions IN ('', 'pending', 'cleared', 'blocked'));
-- A new list is compared with what is open, in this order.
CREATE INDEX submission_screened ON submission (id, screened_by) WHERE status IN ('received', 'in_review', 'quoted', 'referred');
CREATE INDEX submission_sanctions ON submission (org_id, sanctions, created_at, id) WHERE sanctions <> '';
