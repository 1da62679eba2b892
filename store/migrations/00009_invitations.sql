-- Invitations by mail, and the guests that come of them: people without an
-- account, who are in one room and have nothing but their mailbox to prove who
-- they are.
--
-- A guest is a user of an organisation that was made for his firm, with a status
-- that signs in nowhere, so that whatever names a user names him as well. Why:
-- docs/adr/0023-guests.md.
-- +goose Up
ALTER TABLE app_user DROP CONSTRAINT app_user_status_check;
ALTER TABLE app_user ADD CONSTRAINT app_user_status_check CHECK (status IN ('active', 'stopped', 'guest'));
-- Being a guest somewhere keeps nobody from getting an account.
DROP INDEX app_user_email;
CREATE UNIQUE INDEX app_user_email ON app_user (lower(email)) WHERE status <> 'guest';
CREATE UNIQUE INDEX app_user_guest ON app_user (lower(email)) WHERE status = 'guest';

ALTER TABLE participant ADD COLUMN guest bool NOT NULL DEFAULT false;
ALTER TABLE participant ADD CONSTRAINT participant_guest CHECK (NOT guest OR role IN ('broker', 'viewer') AND NOT can_edit AND NOT can_annotate);

-- Of the link only a hash is kept; the code is short, so its hash is a keyed one.
CREATE TABLE invitation (
  id          uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org, -- the room's
  room_id     uuid NOT NULL REFERENCES room,
  email       text NOT NULL CHECK (length(email) BETWEEN 3 AND 320),
  role        text NOT NULL CHECK (role IN ('broker', 'viewer')),
  can_chat    bool NOT NULL,
  from_seq    bigint NOT NULL CHECK (from_seq >= 0),
  invited_by  jsonb NOT NULL,
  hash        bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
  code        bytea NOT NULL,
  tries       smallint NOT NULL DEFAULT 0, -- at the code
  state       text NOT NULL CHECK (state IN ('pending', 'accepted', 'revoked', 'replaced')),
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  accepted_at timestamptz,
  accepted_by uuid REFERENCES app_user,
  CHECK ((state = 'accepted') = (accepted_at IS NOT NULL AND accepted_by IS NOT NULL))
);
CREATE INDEX invitation_list ON invitation (room_id, created_at, id);
CREATE UNIQUE INDEX invitation_waiting ON invitation (lower(email), room_id) WHERE state = 'pending';
SELECT org_policy('invitation');
GRANT SELECT, INSERT, UPDATE ON invitation TO openinsure_app, openinsure_worker;

-- A link by which a guest comes back on another device. org_id is the room's.
CREATE TABLE guest_link (
  hash       bytea PRIMARY KEY CHECK (length(hash) = 32),
  org_id     uuid NOT NULL REFERENCES org,
  room_id    uuid NOT NULL REFERENCES room,
  user_id    uuid NOT NULL REFERENCES app_user,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at    timestamptz
);
CREATE INDEX guest_link_of ON guest_link (user_id, room_id, created_at);
SELECT org_policy('guest_link');
GRANT SELECT ON guest_link TO openinsure_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON guest_link TO openinsure_worker;

-- A guest's browser, by the hash of its cookie. org_id is the room's.
CREATE TABLE guest_device (
  hash         bytea PRIMARY KEY CHECK (length(hash) = 32),
  org_id       uuid NOT NULL REFERENCES org,
  room_id      uuid NOT NULL REFERENCES room,
  user_id      uuid NOT NULL REFERENCES app_user,
  created_at   timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL
);
CREATE INDEX guest_device_of ON guest_device (user_id, room_id);
SELECT org_policy('guest_device');
GRANT SELECT ON guest_device TO openinsure_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON guest_device TO openinsure_worker;
