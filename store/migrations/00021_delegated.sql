-- Authority that carriers delegate: agreements, how much of them is used, and what
-- carriers are told.
-- +goose Up
CREATE TABLE carrier (
  id          uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org,
  external_id text CHECK (length(external_id) BETWEEN 1 AND 255),
  name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  naic        text NOT NULL CHECK (naic ~ '^([0-9]{5})?$'),
  email       text NOT NULL CHECK (length(email) <= 320),
  status      text NOT NULL CHECK (status IN ('active', 'inactive')),
  reporting   jsonb NOT NULL,
  metadata    jsonb NOT NULL DEFAULT '{}',
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  version     int NOT NULL DEFAULT 1
);
CREATE INDEX carrier_list ON carrier (org_id, created_at, id);
CREATE UNIQUE INDEX carrier_name ON carrier (org_id, lower(name));
CREATE UNIQUE INDEX carrier_external_id ON carrier (org_id, external_id);
SELECT org_policy('carrier');
GRANT SELECT, INSERT, UPDATE ON carrier TO openinsure_app, openinsure_worker;

CREATE TABLE da_agreement (
  id          uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org,
  external_id text CHECK (length(external_id) BETWEEN 1 AND 255),
  carrier_id  uuid NOT NULL REFERENCES carrier,
  program_id  uuid NOT NULL REFERENCES program,
  number      text NOT NULL DEFAULT '' CHECK (length(number) <= 100),
  effective   date NOT NULL,
  expiration  date NOT NULL CHECK (effective < expiration),
  status      text NOT NULL CHECK (status IN ('active', 'suspended')),
  terms       jsonb NOT NULL,
  metadata    jsonb NOT NULL DEFAULT '{}',
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  version     int NOT NULL DEFAULT 1
);
CREATE INDEX da_agreement_list ON da_agreement (org_id, created_at, id);
CREATE INDEX da_agreement_program ON da_agreement (program_id, effective);
CREATE UNIQUE INDEX da_agreement_external_id ON da_agreement (org_id, external_id);
SELECT org_policy('da_agreement');
GRANT SELECT, INSERT, UPDATE ON da_agreement TO openinsure_app, openinsure_worker;

-- How much of an agreement is used. A bind locks these rows, in the order of their
-- key, before it looks whether there is room.
CREATE TABLE da_aggregate (
  org_id       uuid NOT NULL REFERENCES org,
  agreement_id uuid NOT NULL REFERENCES da_agreement,
  kind         text NOT NULL CHECK (kind IN ('accumulated_limit', 'annual_written_premium', 'quarterly_written_premium')),
  period       text NOT NULL, -- its first day
  used         bigint NOT NULL DEFAULT 0,
  told         bool NOT NULL DEFAULT false, -- that it comes near its limit
  PRIMARY KEY (agreement_id, kind, period)
) WITH (fillfactor = 50);
SELECT org_policy('da_aggregate');
GRANT SELECT, INSERT, UPDATE ON da_aggregate TO openinsure_app, openinsure_worker;

-- What the aggregates are the sums of: one row for each transaction of a policy.
CREATE TABLE da_usage (
  transaction_id uuid PRIMARY KEY REFERENCES policy_transaction,
  org_id         uuid NOT NULL REFERENCES org,
  agreement_id   uuid NOT NULL REFERENCES da_agreement,
  policy_id      uuid NOT NULL REFERENCES policy,
  insured        text NOT NULL, -- small letters, single spaces
  effective      date NOT NULL,
  premium        bigint NOT NULL,
  aggregate      bigint NOT NULL,
  policies       int NOT NULL, -- 1 adds a policy, -1 ends one
  at             timestamptz NOT NULL
);
CREATE INDEX da_usage_agreement ON da_usage (agreement_id, effective);
CREATE INDEX da_usage_insured ON da_usage (agreement_id, insured);
SELECT org_policy('da_usage');
GRANT SELECT, INSERT ON da_usage TO openinsure_app, openinsure_worker;

-- Room that an accepted quote keeps for its bind, for a time. It counts while its
-- quote is accepted and it is not over.
CREATE TABLE da_reservation (
  quote_id      uuid PRIMARY KEY REFERENCES quote,
  org_id        uuid NOT NULL REFERENCES org,
  agreement_id  uuid NOT NULL REFERENCES da_agreement,
  submission_id uuid NOT NULL REFERENCES submission,
  insured       text NOT NULL,
  effective     date NOT NULL,
  premium       bigint NOT NULL,
  aggregate     bigint NOT NULL,
  created_at    timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL
);
CREATE INDEX da_reservation_agreement ON da_reservation (agreement_id, expires_at);
CREATE INDEX da_reservation_over ON da_reservation (expires_at);
SELECT org_policy('da_reservation');
GRANT SELECT, INSERT, UPDATE, DELETE ON da_reservation TO openinsure_app, openinsure_worker;

CREATE TABLE bordereau (
  id           uuid PRIMARY KEY,
  org_id       uuid NOT NULL REFERENCES org,
  agreement_id uuid NOT NULL REFERENCES da_agreement,
  carrier_id   uuid NOT NULL REFERENCES carrier,
  type         text NOT NULL CHECK (type IN ('premium', 'claims')),
  from_day     date NOT NULL,
  to_day       date NOT NULL CHECK (from_day < to_day), -- the first day after
  due          date NOT NULL,
  status       text NOT NULL CHECK (status IN ('pending', 'reviewed', 'approved', 'rejected')),
  rows         int NOT NULL CHECK (rows >= 0),
  gross        bigint NOT NULL,
  commission   bigint NOT NULL,
  override     bigint NOT NULL,
  net          bigint NOT NULL CHECK (net = gross - commission - override),
  created_by   text NOT NULL,
  created_at   timestamptz NOT NULL
);
CREATE INDEX bordereau_list ON bordereau (org_id, created_at, id);
CREATE INDEX bordereau_agreement ON bordereau (agreement_id, from_day);
SELECT org_policy('bordereau');
GRANT SELECT, INSERT, UPDATE ON bordereau TO openinsure_app, openinsure_worker;

-- What a carrier is told of a transaction, written with it; in production only.
CREATE TABLE bordereau_row (
  id           uuid PRIMARY KEY REFERENCES policy_transaction, -- the transaction's
  org_id       uuid NOT NULL REFERENCES org,
  agreement_id uuid NOT NULL REFERENCES da_agreement,
  carrier_id   uuid NOT NULL REFERENCES carrier,
  policy_id    uuid NOT NULL REFERENCES policy,
  bordereau_id uuid REFERENCES bordereau,
  type         text NOT NULL CHECK (type IN ('NEW', 'ENDORSEMENT', 'CANCELLATION', 'REINSTATEMENT')),
  booked       date NOT NULL,
  facts        jsonb NOT NULL,
  gross        bigint NOT NULL,
  commission   bigint NOT NULL,
  override     bigint NOT NULL,
  net          bigint NOT NULL CHECK (net = gross - commission - override),
  created_at   timestamptz NOT NULL
);
CREATE INDEX bordereau_row_open ON bordereau_row (agreement_id, booked) WHERE bordereau_id IS NULL;
CREATE INDEX bordereau_row_list ON bordereau_row (bordereau_id, created_at, id) WHERE bordereau_id IS NOT NULL;
SELECT org_policy('bordereau_row');
GRANT SELECT, INSERT ON bordereau_row TO openinsure_app, openinsure_worker;
GRANT UPDATE (bordereau_id) ON bordereau_row TO openinsure_app;
