-- Those who sell: where they are licensed and appointed.
-- +goose Up
CREATE TABLE producer (
  id          uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org,
  external_id text CHECK (length(external_id) BETWEEN 1 AND 255),
  type        text NOT NULL CHECK (type IN ('individual', 'agency', 'mga', 'wholesaler')),
  legal_name  text NOT NULL CHECK (length(legal_name) BETWEEN 1 AND 200),
  dba         text NOT NULL DEFAULT '' CHECK (length(dba) <= 200),
  ein         text NOT NULL DEFAULT '' CHECK (ein ~ '^([0-9]{9})?$'),
  npn         text NOT NULL CHECK (npn ~ '^[0-9]{1,10}$'),
  email       text NOT NULL CHECK (length(email) BETWEEN 3 AND 320),
  phone       text NOT NULL DEFAULT '' CHECK (length(phone) <= 40),
  parent_id   uuid REFERENCES producer CHECK (parent_id <> id),
  firm_id     uuid REFERENCES org, -- one that was met in a room
  status      text NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'terminated')),
  review      bool NOT NULL,
  screening   jsonb NOT NULL,
  metadata    jsonb NOT NULL DEFAULT '{}',
  search      text NOT NULL, -- small letters: the names, the NPN, the address
  created_by  text NOT NULL,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  version     int NOT NULL DEFAULT 1
);
CREATE INDEX producer_list ON producer (org_id, created_at, id);
CREATE UNIQUE INDEX producer_npn ON producer (org_id, npn) WHERE status <> 'terminated';
CREATE UNIQUE INDEX producer_external_id ON producer (org_id, external_id);
CREATE INDEX producer_parent ON producer (parent_id) WHERE parent_id IS NOT NULL;
SELECT org_policy('producer');
GRANT SELECT, INSERT, UPDATE ON producer TO openinsure_app, openinsure_worker;

CREATE TABLE producer_license (
  id          uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org,
  producer_id uuid NOT NULL REFERENCES producer,
  number      text NOT NULL CHECK (length(number) BETWEEN 1 AND 60),
  type        text NOT NULL CHECK (type IN ('property_casualty', 'life_health', 'surplus_lines', 'adjuster', 'consultant')),
  state       text NOT NULL CHECK (length(state) = 2),
  lines       text[] NOT NULL,
  effective   date NOT NULL,
  expiration  date NOT NULL CHECK (effective < expiration),
  status      text NOT NULL CHECK (status IN ('active', 'pending_renewal', 'suspended', 'revoked')),
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX producer_license_number ON producer_license (producer_id, state, type, number);
CREATE INDEX producer_license_list ON producer_license (producer_id, created_at, id);
SELECT org_policy('producer_license');
GRANT SELECT, INSERT, UPDATE ON producer_license TO openinsure_app, openinsure_worker;

CREATE TABLE producer_appointment (
  id           uuid PRIMARY KEY,
  org_id       uuid NOT NULL REFERENCES org,
  producer_id  uuid NOT NULL REFERENCES producer,
  carrier      text NOT NULL CHECK (length(carrier) BETWEEN 1 AND 200),
  state        text NOT NULL CHECK (length(state) = 2),
  lines        text[] NOT NULL,
  contract     date NOT NULL,
  status       text NOT NULL CHECK (status IN ('pending', 'filed', 'active', 'rejected', 'terminated', 'noticed')),
  filed_on     date,
  confirmation text NOT NULL DEFAULT '' CHECK (length(confirmation) <= 100),
  ended        date,
  cause        text NOT NULL DEFAULT '' CHECK (length(cause) <= 500),
  noticed_on   date,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  CHECK ((status IN ('terminated', 'noticed')) = (ended IS NOT NULL))
);
CREATE INDEX producer_appointment_list ON producer_appointment (producer_id, created_at, id);
SELECT org_policy('producer_appointment');
GRANT SELECT, INSERT, UPDATE ON producer_appointment TO openinsure_app, openinsure_worker;

-- Who brought a submission; none: direct business.
ALTER TABLE submission ADD COLUMN producer_id uuid REFERENCES producer;
CREATE INDEX submission_producer ON submission (org_id, producer_id, created_at, id) WHERE producer_id IS NOT NULL;
