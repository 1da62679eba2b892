-- Who may agree to how much, and the rest of the life of a referral: the second
-- of two, clocks, and what is still to be done after a bind.
-- +goose Up
CREATE TABLE authority_profile (
  id                uuid PRIMARY KEY,
  org_id            uuid NOT NULL REFERENCES org,
  name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  level             int NOT NULL CHECK (level BETWEEN 1 AND 10),
  max_tiv           bigint CHECK (max_tiv >= 0), -- none: no authority for it
  max_limit         bigint CHECK (max_limit >= 0),
  max_premium       bigint CHECK (max_premium >= 0),
  lines             text[] NOT NULL,
  prohibited_states text[] NOT NULL,
  can_override      boolean NOT NULL,
  constraints       jsonb NOT NULL,
  active            boolean NOT NULL,
  created_by        text NOT NULL,
  created_at        timestamptz NOT NULL,
  updated_at        timestamptz NOT NULL,
  version           int NOT NULL DEFAULT 1
);
CREATE INDEX authority_profile_list ON authority_profile (org_id, created_at, id);
SELECT org_policy('authority_profile');
GRANT SELECT, INSERT, UPDATE ON authority_profile TO openinsure_app, openinsure_worker;

CREATE TABLE authority_assignment (
  id         uuid PRIMARY KEY,
  org_id     uuid NOT NULL REFERENCES org,
  profile_id uuid NOT NULL REFERENCES authority_profile,
  user_id    uuid NOT NULL REFERENCES app_user,
  by         text NOT NULL,
  created_at timestamptz NOT NULL,
  ended_at   timestamptz
);
-- One at a time: a new one ends the one before.
CREATE UNIQUE INDEX authority_assignment_user ON authority_assignment (org_id, user_id) WHERE ended_at IS NULL;
CREATE INDEX authority_assignment_list ON authority_assignment (org_id, created_at, id);
SELECT org_policy('authority_assignment');
GRANT SELECT, INSERT, UPDATE ON authority_assignment TO openinsure_app, openinsure_worker;

CREATE TABLE authority_delegation (
  id         uuid PRIMARY KEY,
  org_id     uuid NOT NULL REFERENCES org,
  from_user  uuid NOT NULL REFERENCES app_user,
  to_user    uuid NOT NULL REFERENCES app_user,
  starts_at  timestamptz NOT NULL,
  ends_at    timestamptz NOT NULL CHECK (ends_at > starts_at),
  by         text NOT NULL,
  created_at timestamptz NOT NULL,
  ended_at   timestamptz, -- taken back before its time
  CHECK (from_user <> to_user)
);
CREATE INDEX authority_delegation_list ON authority_delegation (org_id, created_at, id);
CREATE INDEX authority_delegation_to ON authority_delegation (org_id, to_user, ends_at) WHERE ended_at IS NULL;
SELECT org_policy('authority_delegation');
GRANT SELECT, INSERT, UPDATE ON authority_delegation TO openinsure_app, openinsure_worker;

-- How an organisation handles its referrals; without a row the standard counts.
CREATE TABLE referral_rules (
  org_id          uuid PRIMARY KEY REFERENCES org,
  four_eyes_above bigint CHECK (four_eyes_above >= 0), -- none: never
  decide_within   int NOT NULL CHECK (decide_within > 0), -- working minutes
  answer_within   int NOT NULL CHECK (answer_within > 0),
  expires_after   int NOT NULL CHECK (expires_after > 0), -- days
  calendar        jsonb NOT NULL,
  updated_at      timestamptz NOT NULL,
  version         int NOT NULL DEFAULT 1
);
SELECT org_policy('referral_rules');
GRANT SELECT, INSERT, UPDATE ON referral_rules TO openinsure_app, openinsure_worker;

-- The second of two is somebody else than the first and than whoever asked.
ALTER TABLE referral
  ADD COLUMN second_by text NOT NULL DEFAULT '',
  ADD COLUMN work      jsonb NOT NULL DEFAULT '{}', -- its way, that no statement asks for
  ADD COLUMN timer_at  timestamptz, -- when it has to be looked at; none: never
  ADD CHECK (second_by = '' OR second_by <> decided_by),
  ADD CHECK (second_by = '' OR second_by <> raised_by),
  ADD CHECK (second_by = '' OR outcome IS NOT NULL);
CREATE INDEX referral_timer ON referral (timer_at) WHERE timer_at IS NOT NULL;
CREATE INDEX referral_submission ON referral (org_id, submission_id, id);

-- What an approval still asks for after the bind, each with its day.
CREATE TABLE referral_task (
  id           uuid PRIMARY KEY, -- of the condition
  org_id       uuid NOT NULL REFERENCES org,
  referral_id  uuid NOT NULL REFERENCES referral,
  policy_id    uuid NOT NULL REFERENCES policy,
  action       text NOT NULL,
  responsible  text NOT NULL,
  consequence  text NOT NULL,
  due_at       timestamptz,
  status       text NOT NULL CHECK (status IN ('open', 'submitted', 'accepted', 'rejected', 'waived', 'expired')),
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL
);
CREATE INDEX referral_task_list ON referral_task (org_id, created_at, id);
SELECT org_policy('referral_task');
GRANT SELECT, INSERT, UPDATE ON referral_task TO openinsure_app, openinsure_worker;
