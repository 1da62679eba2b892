-- What the audit log tells of those who sign in and of guests, and one mail to a
-- guest for each time that he is away.
-- +goose Up

-- A code is mailed, or not, by a background step: it tells the audit log of the
-- request that asked for it.
ALTER TABLE sign_in_ask ADD COLUMN address text NOT NULL DEFAULT '' CHECK (length(address) <= 64);
ALTER TABLE sign_in_ask ADD COLUMN request_id uuid;

-- When the link of an invitation was first followed, which changes nothing else.
ALTER TABLE invitation ADD COLUMN opened_at timestamptz;

-- How far a guest had read when he was last mailed that there is news in his
-- room: he is mailed again once he has read on, and gone again.
ALTER TABLE nudge ADD COLUMN mailed_at_seq bigint;
