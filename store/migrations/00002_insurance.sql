-- From submission to bind: programs and their rate books, submissions, quotes,
-- policies with their transactions, invoices. Money is bigint cents; states are
-- text with CHECK, since enum comparisons cannot use an index behind
-- row-level security.
-- +goose Up
CREATE TABLE program (
  id                  uuid PRIMARY KEY,
  org_id              uuid NOT NULL REFERENCES org,
  name                text NOT NULL,
  line_of_business    text NOT NULL,
  auto_bind_threshold bigint NOT NULL CHECK (auto_bind_threshold >= 0),
  refer_above         bigint NOT NULL CHECK (refer_above >= 0),
  decline_above       bigint NOT NULL CHECK (decline_above >= refer_above),
  created_at          timestamptz NOT NULL,
  UNIQUE (org_id, line_of_business)
);
SELECT org_policy('program');
GRANT SELECT, INSERT, UPDATE ON program TO openinsure_app, openinsure_worker;

-- A version of a program's rate book; the one that is published and in force on
-- the quote's effective date prices it. Immutable once published.
CREATE TABLE rate_table (
  id             uuid PRIMARY KEY,
  org_id         uuid NOT NULL REFERENCES org,
  program_id     uuid NOT NULL REFERENCES program,
  version        int NOT NULL CHECK (version > 0),
  effective_date date NOT NULL,
  book           jsonb NOT NULL,
  published_at   timestamptz,
  created_at     timestamptz NOT NULL,
  UNIQUE (program_id, version)
);
CREATE INDEX rate_table_effective ON rate_table (program_id, effective_date, version) WHERE published_at IS NOT NULL;
SELECT org_policy('rate_table');
GRANT SELECT, INSERT, UPDATE ON rate_table TO openinsure_app, openinsure_worker;

CREATE TABLE submission (
  id               uuid PRIMARY KEY,
  org_id           uuid NOT NULL REFERENCES org,
  external_id      text CHECK (length(external_id) BETWEEN 1 AND 255),
  insured_name     text NOT NULL CHECK (length(insured_name) BETWEEN 1 AND 200),
  naics_code       text NOT NULL CHECK (naics_code ~ '^[0-9]{2,6}$'),
  annual_revenue   bigint NOT NULL CHECK (annual_revenue >= 0),
  requested_limit  bigint NOT NULL CHECK (requested_limit > 0),
  effective_date   date NOT NULL,
  state            text NOT NULL CHECK (state ~ '^[A-Z]{2}$'),
  line_of_business text NOT NULL,
  insured          jsonb,
  metadata         jsonb NOT NULL DEFAULT '{}',
  status           text NOT NULL CHECK (status IN ('draft', 'received', 'in_review', 'quoted', 'referred', 'declined', 'withdrawn', 'expired', 'bound')),
  created_by       text NOT NULL,
  created_at       timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  version          int NOT NULL DEFAULT 1,
  UNIQUE (org_id, external_id)
);
CREATE INDEX submission_list ON submission (org_id, created_at, id);
CREATE INDEX submission_status ON submission (org_id, status, created_at, id);
SELECT org_policy('submission');
GRANT SELECT, INSERT, UPDATE ON submission TO openinsure_app, openinsure_worker;

CREATE TABLE quote (
  id            uuid PRIMARY KEY,
  org_id        uuid NOT NULL REFERENCES org,
  submission_id uuid NOT NULL REFERENCES submission,
  program_id    uuid NOT NULL REFERENCES program,
  rate_version  int NOT NULL,
  version       int NOT NULL CHECK (version > 0),
  status        text NOT NULL CHECK (status IN ('quoted', 'referred', 'declined', 'accepted', 'bound', 'superseded', 'expired')),
  decision      text NOT NULL CHECK (decision IN ('quoted', 'referred', 'declined')),
  gross_premium bigint NOT NULL CHECK (gross_premium >= 0),
  factors       jsonb NOT NULL,
  reasons       text[] NOT NULL,
  created_at    timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL,
  UNIQUE (submission_id, version)
);
SELECT org_policy('quote');
GRANT SELECT, INSERT, UPDATE ON quote TO openinsure_app, openinsure_worker;

-- The last policy number given out, per line and year of the effective date.
-- Taken under its row lock in the bind's transaction, so numbers are gapless.
CREATE TABLE number_counter (
  org_id uuid NOT NULL REFERENCES org,
  series text NOT NULL,
  last   bigint NOT NULL CHECK (last > 0),
  PRIMARY KEY (org_id, series)
);
SELECT org_policy('number_counter');
GRANT SELECT, INSERT, UPDATE ON number_counter TO openinsure_app, openinsure_worker;

CREATE TABLE policy (
  id               uuid PRIMARY KEY,
  org_id           uuid NOT NULL REFERENCES org,
  number           text NOT NULL,
  submission_id    uuid NOT NULL UNIQUE REFERENCES submission,
  quote_id         uuid NOT NULL REFERENCES quote,
  external_id      text CHECK (length(external_id) BETWEEN 1 AND 255),
  insured_name     text NOT NULL,
  line_of_business text NOT NULL,
  state            text NOT NULL,
  effective_date   date NOT NULL,
  expiration_date  date NOT NULL CHECK (expiration_date > effective_date),
  gross_premium    bigint NOT NULL CHECK (gross_premium >= 0),
  installment_plan text NOT NULL,
  status           text NOT NULL CHECK (status IN ('bound', 'issued', 'active', 'cancelled', 'expired', 'non_renewed', 'renewed')),
  metadata         jsonb NOT NULL DEFAULT '{}',
  created_by       text NOT NULL,
  created_at       timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  version          int NOT NULL DEFAULT 1,
  UNIQUE (org_id, number),
  UNIQUE (org_id, external_id)
);
CREATE INDEX policy_list ON policy (org_id, created_at, id);
CREATE INDEX policy_status ON policy (org_id, status, created_at, id);
SELECT org_policy('policy');
GRANT SELECT, INSERT, UPDATE ON policy TO openinsure_app, openinsure_worker;

-- Append-only: a correction is another transaction.
CREATE TABLE policy_transaction (
  id             uuid PRIMARY KEY,
  org_id         uuid NOT NULL REFERENCES org,
  policy_id      uuid NOT NULL REFERENCES policy,
  number         int NOT NULL CHECK (number > 0),
  kind           text NOT NULL CHECK (kind IN ('new', 'endorsement', 'cancellation', 'reinstatement', 'renewal')),
  effective_date date NOT NULL,
  premium        bigint NOT NULL,
  working        jsonb NOT NULL,
  created_by     text NOT NULL,
  created_at     timestamptz NOT NULL,
  UNIQUE (policy_id, number)
);
SELECT org_policy('policy_transaction');
GRANT SELECT, INSERT ON policy_transaction TO openinsure_app, openinsure_worker;

CREATE TABLE invoice (
  id          uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org,
  policy_id   uuid NOT NULL REFERENCES policy,
  number      int NOT NULL CHECK (number > 0),
  external_id text CHECK (length(external_id) BETWEEN 1 AND 255),
  due_date    date NOT NULL,
  premium     bigint NOT NULL CHECK (premium >= 0),
  fee         bigint NOT NULL CHECK (fee >= 0),
  amount      bigint NOT NULL CHECK (amount = premium + fee AND amount > 0),
  status      text NOT NULL CHECK (status IN ('open', 'paid', 'failed', 'void')),
  metadata    jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  version     int NOT NULL DEFAULT 1,
  UNIQUE (policy_id, number),
  UNIQUE (org_id, external_id)
);
CREATE INDEX invoice_list ON invoice (org_id, created_at, id);
CREATE INDEX invoice_policy ON invoice (org_id, policy_id);
SELECT org_policy('invoice');
GRANT SELECT, INSERT, UPDATE ON invoice TO openinsure_app, openinsure_worker;
