-- A message that is posted looks its author's grant up once more, whole and as
-- one word. Until now the planner was free to take relationship_subject, and read
-- all the relationships that an author has, in every room of his, for each post;
-- that one has the object too now, for lists.
-- +goose Up
CREATE INDEX relationship_grant ON relationship
  USING hash ((object_type || ':' || object_id || '#' || relation || '@' || subject_type || ':' || subject_id)) WHERE subject_relation = '';
DROP INDEX relationship_subject;
CREATE INDEX relationship_subject ON relationship (subject_type, subject_id, object_type, relation, object_id);
