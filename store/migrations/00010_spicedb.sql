-- What an outside authority on permissions (SpiceDB) is told: the tuples, and
-- of each object whose it is. A change is noted by triggers, in its own
-- transaction, whichever statement makes it. A note names a tuple and not what
-- became of it: whoever passes it on looks, so that notes may come twice and in
-- any order. Nothing is noted while no node has mirrored for an hour; the next
-- one to do so compares everything first.
-- +goose Up

-- Who mirrors, and how far it has come. id names this database to SpiceDB.
CREATE TABLE mirror (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  id       uuid NOT NULL DEFAULT gen_random_uuid(),
  holder   text NOT NULL DEFAULT '',
  until    timestamptz NOT NULL DEFAULT '-infinity', -- the holder's lease
  seq      bigint NOT NULL DEFAULT 0                 -- of the last write
);
INSERT INTO mirror DEFAULT VALUES;
GRANT SELECT, UPDATE (holder, until, seq) ON mirror TO openinsure_worker;

CREATE TABLE mirror_note (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  object_type      text NOT NULL,
  object_id        text NOT NULL,
  relation         text NOT NULL,
  subject_type     text NOT NULL,
  subject_id       text NOT NULL,
  subject_relation text NOT NULL DEFAULT '',
  at               timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX mirror_note_object ON mirror_note (object_type, object_id);
CREATE INDEX mirror_note_subject ON mirror_note (subject_type, subject_id) WHERE relation <> 'org';
GRANT SELECT, INSERT, DELETE ON mirror_note TO openinsure_worker;

-- The ZedToken of the last write at which an object, or a subject, was touched.
-- Of two, the one with the higher seq is the newer.
CREATE TABLE mirror_token (
  type  text NOT NULL,
  id    text NOT NULL,
  seq   bigint NOT NULL,
  token text NOT NULL,
  PRIMARY KEY (type, id)
);
GRANT SELECT, INSERT, UPDATE ON mirror_token TO openinsure_worker;

-- Tables whose rows are objects of a type. Migrate fills it from the schema of
-- permissions.
CREATE TABLE mirror_source (
  type   text PRIMARY KEY,
  source text NOT NULL
);

-- The functions below run as their owner: the app's role neither reads nor
-- writes what is noted.
-- +goose StatementBegin
CREATE FUNCTION note_tuples() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM mirror WHERE until > now() - interval '1 hour') THEN
    INSERT INTO mirror_note (object_type, object_id, relation, subject_type, subject_id, subject_relation)
    SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation FROM changed;
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE FUNCTION note_objects() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF EXISTS (SELECT FROM mirror WHERE until > now() - interval '1 hour') THEN
    INSERT INTO mirror_note (object_type, object_id, relation, subject_type, subject_id)
    SELECT TG_ARGV[0], id::text, 'org', 'org', org_id::text FROM changed;
  END IF;
  RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER note_added AFTER INSERT ON relationship REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_tuples();
CREATE TRIGGER note_removed AFTER DELETE ON relationship REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_tuples();
CREATE TRIGGER note_before AFTER UPDATE ON relationship REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_tuples();
CREATE TRIGGER note_after AFTER UPDATE ON relationship REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_tuples();

-- mirror_of has the rows of a table noted as objects of a type; a table that is
-- not there, or is known already, changes nothing.
-- +goose StatementBegin
CREATE FUNCTION mirror_of(of text, source text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('mirror_of')); -- nodes start together
  IF to_regclass(source) IS NULL OR EXISTS (SELECT FROM mirror_source s WHERE s.type = of) THEN
    RETURN;
  END IF;
  INSERT INTO mirror_source VALUES (of, source);
  EXECUTE format('CREATE TRIGGER note_added AFTER INSERT ON %I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_objects(%L)', source, of);
  EXECUTE format('CREATE TRIGGER note_removed AFTER DELETE ON %I REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION note_objects(%L)', source, of);
END $$;
-- +goose StatementEnd

-- mirror_tuples are all tuples that there should be.
-- +goose StatementBegin
CREATE FUNCTION mirror_tuples() RETURNS TABLE (object_type text, object_id text, relation text, subject_type text, subject_id text, subject_relation text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  s mirror_source;
BEGIN
  RETURN QUERY SELECT r.object_type, r.object_id, r.relation, r.subject_type, r.subject_id, r.subject_relation FROM relationship r;
  FOR s IN SELECT * FROM mirror_source LOOP
    RETURN QUERY EXECUTE format('SELECT %L, id::text, ''org'', ''org'', org_id::text, '''' FROM %I', s.type, s.source);
  END LOOP;
END $$;
-- +goose StatementEnd

-- mirror_has says whether a tuple should be there.
-- +goose StatementBegin
CREATE FUNCTION mirror_has(n mirror_note) RETURNS boolean LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
  s mirror_source;
  found boolean := false;
BEGIN
  IF n.relation = 'org' THEN
    SELECT * INTO s FROM mirror_source m WHERE m.type = n.object_type;
    IF s.type IS NOT NULL THEN
      EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE id::text = $1 AND org_id::text = $2)', s.source) INTO found USING n.object_id, n.subject_id;
      RETURN found;
    END IF;
  END IF;
  RETURN EXISTS (SELECT FROM relationship r WHERE r.object_type = n.object_type AND r.object_id = n.object_id AND r.relation = n.relation
    AND r.subject_type = n.subject_type AND r.subject_id = n.subject_id AND r.subject_relation = n.subject_relation);
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION mirror_tuples(), mirror_has(mirror_note) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mirror_tuples(), mirror_has(mirror_note) TO openinsure_worker;
