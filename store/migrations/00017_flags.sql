-- Feature flags: values for all organisations, values for one, and a number that
-- goes up with each change, by which nodes notice within a second.
-- +goose Up

-- A value for all. What is built into the program has no row until it is set to
-- something else.
CREATE TABLE flag (
  key         text PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 64),
  kind        text NOT NULL CHECK (kind IN ('boolean', 'number', 'string', 'json')),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
  value       jsonb NOT NULL,
  updated_at  timestamptz NOT NULL,
  updated_by  text NOT NULL
);
ALTER TABLE flag ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_read ON flag FOR SELECT TO openinsure_app USING (true);
CREATE POLICY every ON flag TO openinsure_worker USING (true);
GRANT SELECT ON flag TO openinsure_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON flag TO openinsure_worker;

-- A value for one organisation.
CREATE TABLE flag_override (
  org_id     uuid NOT NULL REFERENCES org,
  key        text NOT NULL CHECK (length(key) BETWEEN 1 AND 64),
  value      jsonb NOT NULL,
  updated_at timestamptz NOT NULL,
  updated_by text NOT NULL,
  PRIMARY KEY (org_id, key)
);
CREATE INDEX flag_override_key ON flag_override (key);
SELECT org_policy('flag_override');
GRANT SELECT, INSERT, UPDATE, DELETE ON flag_override TO openinsure_app;
GRANT SELECT, DELETE ON flag_override TO openinsure_worker;

-- Changes wait for each other at its one row, so that a number is never seen
-- before a lower one.
CREATE TABLE flag_revision (
  only_row bool PRIMARY KEY DEFAULT true CHECK (only_row),
  revision bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO flag_revision (revision) VALUES (1);
GRANT SELECT, UPDATE ON flag_revision TO openinsure_app, openinsure_worker;
