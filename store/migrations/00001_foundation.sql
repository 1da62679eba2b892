-- The tenants, who acts for them, the log of what happened, and what makes a
-- repeated request harmless. Insurance follows in 00002.
--
-- Two roles that own nothing: openinsure_app sees one organisation, the one
-- in the setting app.org; openinsure_worker spans organisations for what must
-- (tail, fan-out, the flush of events, look-ups of keys). Roles belong to the
-- whole cluster, hence the prefix, and may exist already.
-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'openinsure_app') THEN
    BEGIN CREATE ROLE openinsure_app NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'openinsure_worker') THEN
    BEGIN CREATE ROLE openinsure_worker NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
  END IF;
  BEGIN
    EXECUTE format('GRANT openinsure_app, openinsure_worker TO %I', current_user);
  EXCEPTION WHEN OTHERS THEN
    IF NOT pg_has_role(current_user, 'openinsure_app', 'MEMBER') THEN RAISE; END IF;
  END;
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO openinsure_app, openinsure_worker', current_schema());
END $$;
-- +goose StatementEnd

-- org_policy gives a table its walls: row-level security, the organisation's
-- own rows for app, all rows for worker. The scalar subquery makes the planner
-- read the setting once a statement, so that indexes on org_id serve.
-- +goose StatementBegin
CREATE FUNCTION org_policy(t regclass, col text DEFAULT 'org_id') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', t);
  EXECUTE format('CREATE POLICY own ON %s TO openinsure_app USING (%I = (SELECT nullif(current_setting(''app.org'', true), '''')::uuid))', t, col);
  EXECUTE format('CREATE POLICY every ON %s TO openinsure_worker USING (true)', t);
END $$;
-- +goose StatementEnd

CREATE TABLE org (
  id          uuid PRIMARY KEY,
  name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  kind        text NOT NULL CHECK (kind IN ('mga', 'carrier', 'brokerage')),
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  version     int NOT NULL DEFAULT 1
);
SELECT org_policy('org', 'id');
GRANT SELECT, UPDATE ON org TO openinsure_app;
GRANT SELECT, INSERT, UPDATE ON org TO openinsure_worker;
CREATE INDEX org_created ON org (created_at, id);

CREATE TABLE app_user (
  id          uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org,
  email       text NOT NULL CHECK (length(email) BETWEEN 3 AND 320),
  name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  role        text NOT NULL CHECK (role IN ('admin', 'underwriter', 'broker', 'auditor')),
  status      text NOT NULL CHECK (status IN ('active', 'stopped')),
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  version     int NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX app_user_email ON app_user (lower(email));
CREATE INDEX app_user_list ON app_user (org_id, created_at, id);
SELECT org_policy('app_user');
GRANT SELECT, INSERT, UPDATE ON app_user TO openinsure_app, openinsure_worker;

-- A policyholder. Signing in by code is a later migration's.
CREATE TABLE person (
  id          uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org,
  name        text NOT NULL,
  email       text NOT NULL,
  created_at  timestamptz NOT NULL
);
SELECT org_policy('person');
GRANT SELECT, INSERT, UPDATE ON person TO openinsure_app, openinsure_worker;

-- Only the hash of a key is kept; the prefix is for people to recognise it.
CREATE TABLE api_key (
  id           uuid PRIMARY KEY,
  org_id       uuid NOT NULL REFERENCES org,
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  prefix       text NOT NULL,
  hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
  scopes       text[] NOT NULL,
  tier         text NOT NULL CHECK (tier IN ('standard', 'enterprise')),
  created_by   text NOT NULL,
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz,
  last_used_at timestamptz,
  revoked_at   timestamptz
);
CREATE INDEX api_key_list ON api_key (org_id, created_at, id);
SELECT org_policy('api_key');
GRANT SELECT, INSERT, UPDATE ON api_key TO openinsure_app, openinsure_worker;

-- One tuple of the relationship graph: object#relation@subject[#relation].
-- org_id is the object's organisation. The relation of an object to its own
-- organisation is not stored: it is the org_id of the object's row.
CREATE TABLE relationship (
  org_id           uuid NOT NULL REFERENCES org,
  object_type      text NOT NULL,
  object_id        text NOT NULL,
  relation         text NOT NULL,
  subject_type     text NOT NULL,
  subject_id       text NOT NULL,
  subject_relation text NOT NULL DEFAULT '',
  PRIMARY KEY (object_type, object_id, subject_type, subject_id, relation, subject_relation)
);
CREATE INDEX relationship_subject ON relationship (subject_type, subject_id, object_type, relation);
SELECT org_policy('relationship');
GRANT SELECT, INSERT, DELETE ON relationship TO openinsure_app, openinsure_worker;

-- What happened. The payload is frozen: the bytes that every path sends.
CREATE TABLE event (
  id          uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org,
  type        text NOT NULL,
  resource    text NOT NULL,
  subject     text NOT NULL,
  payload     bytea NOT NULL,
  request_id  uuid,
  occurred_at timestamptz NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX event_list ON event (org_id, occurred_at, id);
CREATE INDEX event_request ON event (request_id) WHERE request_id IS NOT NULL;
SELECT org_policy('event');
GRANT SELECT ON event TO openinsure_app;
GRANT SELECT, INSERT ON event TO openinsure_worker;

-- The log as a whole has one epoch, rotated when the server is found to be
-- another or on another timeline than the one that was written to.
CREATE TABLE log (
  only_row  bool PRIMARY KEY DEFAULT true CHECK (only_row),
  epoch     text NOT NULL,
  system_id text NOT NULL,
  timeline  bigint NOT NULL
);
GRANT SELECT ON log TO openinsure_app;
GRANT SELECT, INSERT, UPDATE ON log TO openinsure_worker;

-- A channel's head is its last sequence number: gapless, in commit order.
CREATE TABLE channel (
  id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name   text NOT NULL UNIQUE,
  org_id uuid NOT NULL REFERENCES org,
  head   bigint NOT NULL DEFAULT 0 CHECK (head >= 0),
  floor  bigint NOT NULL DEFAULT 0 CHECK (floor >= 0)
) WITH (fillfactor = 50);
SELECT org_policy('channel');
GRANT SELECT ON channel TO openinsure_app;
GRANT SELECT, INSERT, UPDATE ON channel TO openinsure_worker;

CREATE TABLE entry (
  channel_id bigint NOT NULL REFERENCES channel,
  seq        bigint NOT NULL CHECK (seq > 0),
  org_id     uuid NOT NULL,
  kind       text NOT NULL,
  event_id   uuid,
  author     text NOT NULL DEFAULT '',
  client_id  uuid,
  payload    bytea NOT NULL,
  at         timestamptz NOT NULL,
  PRIMARY KEY (channel_id, seq)
);
CREATE INDEX entry_at ON entry (at);
SELECT org_policy('entry');
GRANT SELECT ON entry TO openinsure_app;
GRANT SELECT, INSERT, DELETE ON entry TO openinsure_worker;

-- The recorded answer of a POST with an Idempotency-Key, written in the
-- transaction of the change itself. The answer is sealed: it may hold secrets
-- and personal data. Kept for 24 hours.
CREATE TABLE idempotency (
  org_id      uuid NOT NULL REFERENCES org,
  principal   text NOT NULL,
  route       text NOT NULL,
  key         text NOT NULL,
  fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
  status      smallint NOT NULL,
  answer      bytea NOT NULL,
  created_at  timestamptz NOT NULL,
  PRIMARY KEY (org_id, principal, route, key)
);
CREATE INDEX idempotency_created ON idempotency (created_at);
SELECT org_policy('idempotency');
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency TO openinsure_app, openinsure_worker;

-- What became of a request: written for changes and failures, kept 30 days.
CREATE TABLE request (
  id                uuid PRIMARY KEY,
  org_id            uuid,
  client_request_id text NOT NULL,
  actor             text NOT NULL,
  method            text NOT NULL,
  route             text NOT NULL,
  status            smallint NOT NULL,
  error_code        text NOT NULL,
  milliseconds      int NOT NULL,
  replayed          bool NOT NULL,
  at                timestamptz NOT NULL
);
CREATE INDEX request_at ON request (at);
CREATE INDEX request_client ON request (org_id, client_request_id) WHERE client_request_id <> '';
SELECT org_policy('request');
GRANT SELECT ON request TO openinsure_app;
GRANT SELECT, INSERT, DELETE ON request TO openinsure_worker;
