-- What stood between a quote's producer and its sale on the day that it was made.
-- +goose Up
ALTER TABLE quote ADD COLUMN producer_flags text[] NOT NULL DEFAULT '{}';
