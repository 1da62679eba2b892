-- What is due about submissions in one organisation, in order: its test clock
-- goes from one to the next.
-- +goose Up
CREATE INDEX submission_timer_org ON submission (org_id, timer_at) WHERE timer_at IS NOT NULL;
