-- The whole schema of relationships, and what lets a node remember them.
--
-- Roles that a user can have; the names of what a participant may do; the desk
-- of a room as an object of its own; the policy of an invoice as a relation, in
-- place of a copy of the policy's insured on each invoice.
-- +goose Up
ALTER TABLE app_user DROP CONSTRAINT app_user_role_check;
ALTER TABLE app_user ADD CONSTRAINT app_user_role_check CHECK (role IN ('admin', 'underwriter', 'broker', 'auditor', 'finance', 'adjuster', 'compliance'));

UPDATE relationship SET relation = CASE relation WHEN 'chat' THEN 'participant_chat' WHEN 'annotator' THEN 'participant_annotate' ELSE 'participant_edit' END
  WHERE object_type = 'room' AND relation IN ('chat', 'annotator', 'editor');

-- A desk's id is the room's and the company's; its organisation is the company.
INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
  SELECT p.member_org_id, 'desk', r.object_id || '/' || p.member_org_id, 'member', 'user', r.subject_id
  FROM relationship r JOIN participant p ON p.room_id::text = r.object_id AND p.user_id::text = r.subject_id
  WHERE r.object_type = 'room' AND r.relation = 'desk' AND r.subject_type = 'user' ON CONFLICT DO NOTHING;
DELETE FROM relationship WHERE object_type = 'room' AND relation = 'desk';
INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
  SELECT org_id, 'desk', id || '/' || org_id, 'house', 'org', org_id::text FROM room ON CONFLICT DO NOTHING;

INSERT INTO relationship (org_id, object_type, object_id, relation, subject_type, subject_id)
  SELECT org_id, 'invoice', id::text, 'policy', 'policy', policy_id::text FROM invoice ON CONFLICT DO NOTHING;
DELETE FROM relationship WHERE object_type = 'invoice' AND relation = 'insured';

-- Which objects had a relationship written or taken away, by the transaction
-- that did it. A node that remembers relationships asks here what it has to
-- forget: what was committed since its last question is of a transaction that
-- was not over then. Rows are kept for an hour.
CREATE TABLE relationship_change (
  xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
  object_type text NOT NULL,
  object_id   text NOT NULL,
  at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX relationship_change_xid ON relationship_change (xid);
CREATE INDEX relationship_change_at ON relationship_change (at);
GRANT SELECT, INSERT ON relationship_change TO openinsure_app;
GRANT SELECT, INSERT, DELETE ON relationship_change TO openinsure_worker;

-- +goose StatementBegin
CREATE FUNCTION note_relationship_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO relationship_change (object_type, object_id) SELECT DISTINCT object_type, object_id FROM changed;
  RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER relationship_written AFTER INSERT ON relationship REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION note_relationship_change();
CREATE TRIGGER relationship_taken AFTER DELETE ON relationship REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION note_relationship_change();
CREATE TRIGGER relationship_was AFTER UPDATE ON relationship REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION note_relationship_change();
CREATE TRIGGER relationship_is AFTER UPDATE ON relationship REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION note_relationship_change();
