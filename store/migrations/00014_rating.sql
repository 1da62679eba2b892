-- Rating by versioned rate tables, and quotes that are offered and accepted.
-- +goose Up
-- What a program writes and refers beyond the premium. The defaults are those of
-- the general liability program that there was before.
ALTER TABLE program
  ADD COLUMN states               text[] NOT NULL DEFAULT '{}',
  ADD COLUMN max_limit            bigint NOT NULL DEFAULT 1000000000 CHECK (max_limit >= 0),
  ADD COLUMN min_years            int NOT NULL DEFAULT 2 CHECK (min_years BETWEEN 0 AND 100),
  ADD COLUMN max_experience       text NOT NULL DEFAULT '1.50' CHECK (max_experience ~ '^([0-9](\.[0-9]{1,3})?)?$');
CREATE INDEX program_list ON program (org_id, created_at, id);

ALTER TABLE rate_table
  ADD COLUMN created_by   text NOT NULL DEFAULT 'system',
  ADD COLUMN published_by text NOT NULL DEFAULT '';
CREATE INDEX rate_table_list ON rate_table (org_id, created_at, id);
-- A version never changes: it is published, and that is all.
REVOKE UPDATE ON rate_table FROM openinsure_app, openinsure_worker;
GRANT UPDATE (published_at, published_by) ON rate_table TO openinsure_app;

-- What is known of a risk beyond what every submission says.
ALTER TABLE submission ADD COLUMN risk jsonb NOT NULL DEFAULT '{}';

ALTER TABLE quote
  ADD COLUMN terms       jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN flags       text[] NOT NULL DEFAULT '{}',
  ADD COLUMN offered_at  timestamptz,
  ADD COLUMN accepted_at timestamptz,
  DROP CONSTRAINT quote_status_check,
  ADD CONSTRAINT quote_status_check CHECK (status IN
    ('quoted', 'referred', 'declined', 'offered', 'accepted', 'not_taken_up', 'bound', 'superseded', 'expired'));
-- Of the quotes of a submission one is accepted.
CREATE UNIQUE INDEX quote_accepted ON quote (submission_id) WHERE status = 'accepted';
-- A quote never changes, only where it stands does.
REVOKE UPDATE ON quote FROM openinsure_app, openinsure_worker;
GRANT UPDATE (status, offered_at, accepted_at) ON quote TO openinsure_app;
