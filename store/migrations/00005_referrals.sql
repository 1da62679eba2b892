-- Referrals: a question for an underwriter, and its one final answer.
--
-- Status and outcome are two fields: where a referral stands, and what was
-- decided. The lists are those of the whole life of a referral, of which only
-- a part has operations yet.
-- +goose Up
CREATE TABLE referral (
  id                 uuid PRIMARY KEY,
  org_id             uuid NOT NULL REFERENCES org,
  entity_type        text NOT NULL CHECK (entity_type IN ('submission', 'quote', 'policy')),
  entity_id          uuid NOT NULL,
  submission_id      uuid NOT NULL REFERENCES submission, -- that the entity is, or came of
  room_id            uuid REFERENCES room, -- that shows its cards; none: no other company hears of it
  reason             text NOT NULL CHECK (reason IN ('authority_exceeded', 'coverage_question', 'risk_quality', 'reinsurance_required', 'appetite_check',
    'capacity_constraint', 'prior_losses', 'financial_condition', 'regulatory', 'other')),
  rationale          text NOT NULL CHECK (length(rationale) BETWEEN 1 AND 5000),
  status             text NOT NULL CHECK (status IN ('draft', 'open', 'in_review', 'info_requested', 'pending_second', 'decided', 'withdrawn', 'expired',
    'superseded', 'revoked', 'lapsed', 'consumed')),
  outcome            text CHECK (outcome IN ('approved', 'approved_with_conditions', 'countered', 'declined')),
  raised_by          text NOT NULL,
  assignee           text NOT NULL DEFAULT '', -- who took it up; empty: nobody yet
  requests           jsonb NOT NULL DEFAULT '[]', -- for information, each with its questions
  decided_by         text NOT NULL DEFAULT '',
  decided_at         timestamptz,
  decision_rationale text NOT NULL DEFAULT '' CHECK (length(decision_rationale) <= 5000),
  conditions         jsonb NOT NULL DEFAULT '[]',
  counter            jsonb,
  valid_until        timestamptz,
  created_at         timestamptz NOT NULL,
  updated_at         timestamptz NOT NULL,
  version            int NOT NULL DEFAULT 1,
  -- There is an outcome exactly when somebody decided, with his reason; only an
  -- approval is revoked, lapses or is used up.
  CHECK ((outcome IS NOT NULL) = (status IN ('decided', 'revoked', 'lapsed', 'consumed'))),
  CHECK ((outcome IS NOT NULL) = (decided_at IS NOT NULL AND decided_by <> '' AND decision_rationale <> '')),
  CHECK (status NOT IN ('revoked', 'lapsed', 'consumed') OR outcome <> 'declined'),
  CHECK (decided_by <> raised_by)
);
CREATE INDEX referral_list ON referral (org_id, created_at, id);
CREATE INDEX referral_status ON referral (org_id, status, created_at, id);
CREATE INDEX referral_entity ON referral (org_id, entity_id, created_at, id);
CREATE INDEX referral_room ON referral (room_id, created_at, id) WHERE room_id IS NOT NULL;
SELECT org_policy('referral');
GRANT SELECT, INSERT, UPDATE ON referral TO openinsure_app, openinsure_worker;
