-- What somebody has of a submission before he submits it. It is no row of
-- submission, so that nothing which deals with those ever meets one.
-- +goose Up
CREATE TABLE submission_draft (
  id         uuid PRIMARY KEY, -- of the submission that it becomes
  org_id     uuid NOT NULL REFERENCES org,
  created_by text NOT NULL,
  body       jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  timer_at   timestamptz NOT NULL, -- when it is forgotten unless somebody touches it
  version    int NOT NULL DEFAULT 1
);
CREATE INDEX submission_draft_list ON submission_draft (org_id, created_by, created_at, id);
CREATE INDEX submission_draft_timer ON submission_draft (timer_at);
CREATE INDEX submission_draft_timer_org ON submission_draft (org_id, timer_at);
SELECT org_policy('submission_draft');
GRANT SELECT, INSERT, UPDATE, DELETE ON submission_draft TO openinsure_app;
GRANT SELECT, DELETE ON submission_draft TO openinsure_worker; -- a reset deletes
