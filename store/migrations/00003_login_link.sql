-- A link that signs a user in once: what init prints for the first
-- administrator, before any other way to sign in is set up. Only the hash of
-- its code is kept.
-- +goose Up
CREATE TABLE login_link (
  hash       bytea PRIMARY KEY CHECK (length(hash) = 32),
  org_id     uuid NOT NULL REFERENCES org,
  user_id    uuid NOT NULL REFERENCES app_user,
  expires_at timestamptz NOT NULL,
  used_at    timestamptz
);
SELECT org_policy('login_link');
GRANT SELECT, INSERT, UPDATE ON login_link TO openinsure_app, openinsure_worker;
