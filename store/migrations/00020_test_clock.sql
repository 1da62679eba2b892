-- How far an organisation's time is ahead of everybody's, outside production;
-- and what was due and failed, with when it is tried again.
-- +goose Up
CREATE TABLE test_clock (
  org_id   uuid PRIMARY KEY REFERENCES org,
  ahead    interval NOT NULL CHECK (ahead >= interval '0'),
  moved_at timestamptz NOT NULL, -- by everybody's time
  moved_by text NOT NULL
);
SELECT org_policy('test_clock');
GRANT SELECT, INSERT, UPDATE, DELETE ON test_clock TO openinsure_app;
GRANT SELECT ON test_clock TO openinsure_worker;

-- What is due in one organisation, in order.
CREATE INDEX referral_timer_org ON referral (org_id, timer_at) WHERE timer_at IS NOT NULL;
CREATE INDEX room_closing_org ON room (org_id, closes_at) WHERE status = 'active' AND closes_at IS NOT NULL;

CREATE TABLE overdue (
  what     text NOT NULL,
  id       uuid NOT NULL, -- of a row in the table that what names
  org_id   uuid NOT NULL REFERENCES org,
  fails    int NOT NULL CHECK (fails > 0),
  retry_at timestamptz NOT NULL, -- by everybody's time
  PRIMARY KEY (what, id)
);
SELECT org_policy('overdue');
GRANT SELECT, INSERT, UPDATE, DELETE ON overdue TO openinsure_app;
GRANT SELECT ON overdue TO openinsure_worker;
