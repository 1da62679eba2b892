-- An appointment may name one of the organization's carriers. Those of before go
-- by the name alone, and so does what a node of before adds meanwhile: the name
-- is kept beside the id for it to read.
-- +goose Up
ALTER TABLE producer_appointment ADD COLUMN carrier_id uuid REFERENCES carrier;
-- Who is appointed by a name, for the day when a carrier takes another one.
CREATE INDEX producer_appointment_name ON producer_appointment (org_id, lower(carrier)) WHERE carrier_id IS NULL;
