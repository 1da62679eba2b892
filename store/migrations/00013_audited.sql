-- What the audit log tells of those who sign in and of guests.
-- +goose Up

-- A code is mailed, or not, by a background step: it tells the audit log of the
-- request that asked for it.
ALTER TABLE sign_in_ask ADD COLUMN address text NOT NULL DEFAULT '' CHECK (length(address) <= 64);
ALTER TABLE sign_in_ask ADD COLUMN request_id uuid;

-- When the link of an invitation was first followed, which changes nothing else.
ALTER TABLE invitation ADD COLUMN opened_at timestamptz;
