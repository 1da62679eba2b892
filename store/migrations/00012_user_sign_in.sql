-- A browser in which a user is signed in, after the sign-in server said who he
-- is. Only the hash of what its cookie holds is kept; a row goes when he signs
-- out, and what happened stays in the audit log.
-- +goose Up
CREATE TABLE user_sign_in (
  id         uuid PRIMARY KEY,
  org_id     uuid NOT NULL REFERENCES org,
  user_id    uuid NOT NULL REFERENCES app_user,
  hash       bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX user_sign_in_user ON user_sign_in (user_id, created_at, id);
CREATE INDEX user_sign_in_expires ON user_sign_in (expires_at);
SELECT org_policy('user_sign_in');
GRANT SELECT, DELETE ON user_sign_in TO openinsure_app;
GRANT SELECT, INSERT, DELETE ON user_sign_in TO openinsure_worker;

-- The subject of an OpenID Connect server has up to 255 characters.
ALTER TABLE external_identity DROP CONSTRAINT external_identity_subject_check;
ALTER TABLE external_identity ADD CONSTRAINT external_identity_subject_check CHECK (length(subject) BETWEEN 1 AND 255);
