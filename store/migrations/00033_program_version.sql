-- A program can be corrected. Its version is its ETag, and a quote says by which
-- one it was judged: those of before by the first.
-- +goose Up
ALTER TABLE program
  ADD COLUMN version    int NOT NULL DEFAULT 1,
  ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
UPDATE program SET updated_at = created_at;
-- A node of before adds programs and quotes without these meanwhile.
ALTER TABLE quote ADD COLUMN program_version int NOT NULL DEFAULT 1;
