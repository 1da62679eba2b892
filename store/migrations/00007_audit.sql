-- Who did what, was refused what, and a chain of hashes over it: what was
-- written once cannot be changed without it being seen.
--
-- A row is written unchained, in the transaction of the change itself. A step
-- in the background gives it its place in its organisation's chain: a chain in
-- the transaction would make every change of an organisation wait for the one
-- before. The organisation of zeros is the platform's: what nobody's
-- organisation can be told for.
-- +goose Up

CREATE TABLE audit (
  id          uuid PRIMARY KEY,
  ord         bigint GENERATED ALWAYS AS IDENTITY,
  org_id      uuid NOT NULL,
  at          timestamptz NOT NULL,
  actor_kind  text NOT NULL CHECK (length(actor_kind) <= 20),
  actor_id    text NOT NULL CHECK (length(actor_id) <= 64),
  action      text NOT NULL CHECK (length(action) BETWEEN 1 AND 60),
  object_type text NOT NULL DEFAULT '' CHECK (length(object_type) <= 40),
  object_id   text NOT NULL DEFAULT '' CHECK (length(object_id) <= 64),
  outcome     text NOT NULL CHECK (outcome IN ('granted', 'refused', 'failed')),
  reason      text NOT NULL DEFAULT '' CHECK (length(reason) <= 60),
  request_id  uuid,
  address     text NOT NULL DEFAULT '' CHECK (length(address) <= 64),
  count       int NOT NULL DEFAULT 1 CHECK (count > 0),
  details     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object'),
  seq         bigint CHECK (seq > 0),
  prev_hash   bytea CHECK (length(prev_hash) = 32),
  hash        bytea CHECK (length(hash) = 32),
  CHECK ((seq IS NULL) = (hash IS NULL) AND (seq IS NULL) = (prev_hash IS NULL))
);
CREATE UNIQUE INDEX audit_chained ON audit (org_id, seq) WHERE seq IS NOT NULL;
CREATE INDEX audit_unchained ON audit (org_id, ord) WHERE seq IS NULL;
CREATE INDEX audit_list ON audit (org_id, at, id);
CREATE INDEX audit_object ON audit (org_id, object_id, at, id) WHERE object_id <> '';
CREATE INDEX audit_actor ON audit (org_id, actor_id, at, id);
SELECT org_policy('audit');
GRANT SELECT ON audit TO openinsure_app;
GRANT SELECT, INSERT (id, org_id, at, actor_kind, actor_id, action, object_type, object_id, outcome, reason, request_id, address, count, details),
  UPDATE (seq, prev_hash, hash) ON audit TO openinsure_worker;

-- A row gets its place once; nothing else about it changes, and it never goes.
-- +goose StatementBegin
CREATE FUNCTION audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF OLD.seq IS NULL AND NEW.seq IS NOT NULL
      AND to_jsonb(NEW) - '{seq,prev_hash,hash}'::text[] = to_jsonb(OLD) - '{seq,prev_hash,hash}'::text[] THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_keep();
CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_keep();

-- Where each organisation's chain ends. Whoever links locks the row; and a
-- chain whose last rows were taken away does not end here.
CREATE TABLE audit_chain (
  org_id uuid PRIMARY KEY,
  seq    bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
  hash   bytea NOT NULL CHECK (length(hash) = 32)
);
SELECT org_policy('audit_chain');
GRANT SELECT ON audit_chain TO openinsure_app;
GRANT SELECT, INSERT, UPDATE ON audit_chain TO openinsure_worker;

-- A key that seals, itself sealed under an older one, so that servers that were
-- started before it came can open what it sealed. Gone once the older key is.
CREATE TABLE sealing_key (
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 16),
  sealed_by  text NOT NULL CHECK (length(sealed_by) BETWEEN 1 AND 16),
  key        bytea NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (name, sealed_by)
);
GRANT SELECT, INSERT, DELETE ON sealing_key TO openinsure_worker;
