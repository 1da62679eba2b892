-- How people prove who they are: a policyholder by a code that he is mailed, and
-- by the tokens of his device from then on; a user by the session of another
-- server; a key that replaces another.
--
-- Who asks for a code is told the same whether there is such a policy or not,
-- by statements that do not look: what he asked for lies in sign_in_ask until a
-- background step, moments later, finds out whether there is anybody to mail.
-- +goose Up

-- Wishes for a code, for moments. Whose they are nobody has looked up yet, so
-- they are of no organisation and the app does not see them.
CREATE TABLE sign_in_ask (
  id            uuid PRIMARY KEY,
  policy_number text NOT NULL CHECK (length(policy_number) BETWEEN 1 AND 64),
  contact       bytea NOT NULL, -- sealed
  sort          text NOT NULL CHECK (sort IN ('email', 'phone')),
  asker         bytea NOT NULL, -- keyed hash of the address that asks
  asked_at      timestamptz NOT NULL
);
CREATE INDEX sign_in_ask_at ON sign_in_ask (asked_at);
ALTER TABLE sign_in_ask ENABLE ROW LEVEL SECURITY;
CREATE POLICY every ON sign_in_ask TO openinsure_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_ask TO openinsure_worker;

-- How often something was done from an address, or for a contact from an
-- address, until when. Buckets are keyed hashes.
CREATE TABLE sign_in_count (
  bucket  bytea PRIMARY KEY,
  count   int NOT NULL,
  ends_at timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX sign_in_count_ends ON sign_in_count (ends_at);
ALTER TABLE sign_in_count ENABLE ROW LEVEL SECURITY;
CREATE POLICY every ON sign_in_count TO openinsure_worker USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_count TO openinsure_worker;

-- A code of six digits that was mailed to a policyholder: its keyed hash. Tries
-- from the address that asked for it and from anywhere else are counted apart,
-- so that a stranger does not use up the insured's own.
CREATE TABLE sign_in_code (
  id            uuid PRIMARY KEY,
  org_id        uuid NOT NULL REFERENCES org,
  person_id     uuid NOT NULL REFERENCES person,
  policy_number text NOT NULL,
  mac           bytea NOT NULL,
  contact       bytea NOT NULL, -- keyed hash
  asker         bytea NOT NULL, -- keyed hash of the address that asked
  own_tries     smallint NOT NULL DEFAULT 0,
  other_tries   smallint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL,
  expires_at    timestamptz NOT NULL,
  used_at       timestamptz
);
CREATE INDEX sign_in_code_number ON sign_in_code (policy_number, expires_at) WHERE used_at IS NULL;
CREATE INDEX sign_in_code_person ON sign_in_code (person_id, created_at);
CREATE INDEX sign_in_code_expires ON sign_in_code (expires_at);
SELECT org_policy('sign_in_code');
GRANT SELECT, UPDATE ON sign_in_code TO openinsure_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_code TO openinsure_worker;

-- A policyholder's device that is signed in. All refresh tokens of one sign-in
-- share a family's secret, by which a token that was good before is told from
-- one that never was; both secrets are kept as hashes.
CREATE TABLE sign_in (
  id           uuid PRIMARY KEY,
  org_id       uuid NOT NULL REFERENCES org,
  person_id    uuid NOT NULL REFERENCES person,
  device       text NOT NULL DEFAULT '' CHECK (length(device) <= 100),
  family       bytea NOT NULL CHECK (length(family) = 32),
  current      bytea NOT NULL CHECK (length(current) = 32),
  asker        bytea NOT NULL, -- keyed hash of the address that used it last
  created_at   timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL,
  ended_at     timestamptz,
  ended_why    text NOT NULL DEFAULT '' CHECK (ended_why IN ('', 'revoked', 'reused', 'replaced'))
);
CREATE INDEX sign_in_person ON sign_in (person_id, created_at, id) WHERE ended_at IS NULL;
CREATE INDEX sign_in_expires ON sign_in (expires_at);
SELECT org_policy('sign_in');
GRANT SELECT, INSERT, UPDATE ON sign_in TO openinsure_app;
GRANT SELECT, UPDATE, DELETE ON sign_in TO openinsure_worker;

-- A phone belongs to the sign-in by which its app registered it, and goes with
-- it.
ALTER TABLE device ADD COLUMN sign_in_id uuid REFERENCES sign_in ON DELETE SET NULL;
CREATE INDEX device_sign_in ON device (sign_in_id) WHERE sign_in_id IS NOT NULL;

-- A letter is a mail that no inbox has a copy of: its words are its payload,
-- sealed.
ALTER TABLE delivery DROP CONSTRAINT delivery_check;
ALTER TABLE delivery ADD CONSTRAINT delivery_told CHECK (CASE kind
  WHEN 'webhook' THEN notification_id IS NULL
  WHEN 'mail' THEN (notification_id IS NULL) = (payload IS NOT NULL)
  ELSE notification_id IS NOT NULL END);
CREATE INDEX delivery_letter ON delivery (id) WHERE kind = 'mail' AND notification_id IS NULL;

-- Whoever signs in by a policy number names no organisation.
CREATE INDEX policy_number ON policy (number);

-- The key that replaces this one, which is good until its expires_at.
ALTER TABLE api_key ADD COLUMN replaced_by uuid REFERENCES api_key;
CREATE INDEX api_key_replaced ON api_key (expires_at) WHERE replaced_by IS NOT NULL AND revoked_at IS NULL;

-- Who a user is on another server. The provider names that server.
CREATE TABLE external_identity (
  provider     text NOT NULL CHECK (length(provider) BETWEEN 1 AND 300),
  subject      text NOT NULL CHECK (length(subject) BETWEEN 1 AND 200),
  org_id       uuid NOT NULL REFERENCES org,
  user_id      uuid NOT NULL REFERENCES app_user,
  organization text NOT NULL DEFAULT '' CHECK (length(organization) <= 200), -- over there; empty: none was named yet
  created_at   timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  PRIMARY KEY (provider, subject)
);
CREATE INDEX external_identity_user ON external_identity (user_id);
SELECT org_policy('external_identity');
GRANT SELECT ON external_identity TO openinsure_app;
GRANT SELECT, INSERT, UPDATE ON external_identity TO openinsure_worker;
