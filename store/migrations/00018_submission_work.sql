-- Who works on a submission, how risky it looks, what else may be the same
-- business, and by when the desk has to act.
-- +goose Up
ALTER TABLE submission
  ADD COLUMN assignee      text NOT NULL DEFAULT '', -- usr_…; empty: nobody
  ADD COLUMN claimed_at    timestamptz,
  ADD COLUMN priority      text NOT NULL DEFAULT 'normal' CHECK (priority IN ('normal', 'high')),
  ADD COLUMN ending        jsonb, -- why it was declined or withdrawn
  ADD COLUMN score         smallint NOT NULL DEFAULT 50 CHECK (score BETWEEN 0 AND 100),
  ADD COLUMN lane          text NOT NULL DEFAULT 'underwriter_review' CHECK (lane IN ('auto_process', 'underwriter_review', 'escalate')),
  ADD COLUMN factors       jsonb NOT NULL DEFAULT '[]',
  ADD COLUMN match_name    text, -- hashes of what submissions are compared by; NULL is not known
  ADD COLUMN match_email   text,
  ADD COLUMN match_fein    text,
  ADD COLUMN match_address text,
  ADD COLUMN clocks        jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN queue_at      timestamptz, -- by when the desk has to act; NULL: it need not
  ADD COLUMN queue_rank    smallint NOT NULL DEFAULT 50, -- 100 − score: of those due at once the riskiest is first
  ADD COLUMN risk_at       timestamptz, -- from when on that is at risk
  ADD COLUMN timer_at      timestamptz; -- when somebody has to be told

-- Those of before are due two days after they came; nobody is told of them.
UPDATE submission SET queue_at = created_at + interval '2 days', risk_at = created_at + interval '38 hours', clocks = jsonb_build_object('waits', true, 'quote',
  jsonb_build_object('startedAt', created_at, 'since', created_at, 'within', 57600000000000, 'riskAt', created_at + interval '38 hours', 'dueAt', created_at + interval '2 days', 'told', 2))
  WHERE status IN ('received', 'in_review', 'referred');

-- The queue in its order, whole and by each thing that it is often asked by.
CREATE INDEX submission_queue ON submission (org_id, queue_at, queue_rank, id) WHERE queue_at IS NOT NULL;
CREATE INDEX submission_queue_assignee ON submission (org_id, assignee, queue_at, queue_rank, id) WHERE queue_at IS NOT NULL;
CREATE INDEX submission_queue_lane ON submission (org_id, lane, queue_at, queue_rank, id) WHERE queue_at IS NOT NULL;
CREATE INDEX submission_queue_line ON submission (org_id, line_of_business, queue_at, queue_rank, id) WHERE queue_at IS NOT NULL;
CREATE INDEX submission_timer ON submission (timer_at, id) WHERE timer_at IS NOT NULL;

-- What lists are narrowed by.
CREATE INDEX submission_assignee ON submission (org_id, assignee, created_at, id) WHERE assignee <> '';
CREATE INDEX submission_lane ON submission (org_id, lane, created_at, id);
CREATE INDEX submission_effective ON submission (org_id, effective_date);

CREATE INDEX submission_match_name ON submission (org_id, match_name, line_of_business) WHERE match_name IS NOT NULL;
CREATE INDEX submission_match_email ON submission (org_id, match_email, line_of_business) WHERE match_email IS NOT NULL;
CREATE INDEX submission_match_fein ON submission (org_id, match_fein, line_of_business) WHERE match_fein IS NOT NULL;
CREATE INDEX submission_match_address ON submission (org_id, match_address, line_of_business) WHERE match_address IS NOT NULL;

-- Within how many working minutes a submission is taken up, and answered.
ALTER TABLE referral_rules
  ADD COLUMN respond_within int NOT NULL DEFAULT 240 CHECK (respond_within > 0),
  ADD COLUMN quote_within   int NOT NULL DEFAULT 960 CHECK (quote_within > 0);
