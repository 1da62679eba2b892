-- Deal rooms: where two companies meet around a submission.
--
-- A room belongs to the underwriting organisation and is shared with the
-- organisations in room_org, itself included. What is shared in it can be read
-- by all of them; a company's desk is a channel of that company's own.
-- +goose Up
CREATE TABLE room (
  id               uuid PRIMARY KEY,
  org_id           uuid NOT NULL REFERENCES org,
  submission_id    uuid NOT NULL UNIQUE REFERENCES submission,
  external_id      text CHECK (length(external_id) BETWEEN 1 AND 255),
  title            text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  insured_name     text NOT NULL,
  line_of_business text NOT NULL,
  status           text NOT NULL CHECK (status IN ('active', 'closed', 'archived')),
  close_reason     text NOT NULL DEFAULT '',
  closed_by        text NOT NULL DEFAULT '',
  closed_at        timestamptz,
  closes_at        timestamptz, -- closes by itself then: so many days after bind or decline
  metadata         jsonb NOT NULL DEFAULT '{}',
  created_by       text NOT NULL,
  created_at       timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL,
  version          int NOT NULL DEFAULT 1,
  UNIQUE (org_id, external_id)
);
CREATE INDEX room_list ON room (org_id, status, created_at, id);
CREATE INDEX room_closes ON room (closes_at) WHERE status = 'active' AND closes_at IS NOT NULL;

-- Who a room is shared with: the organisations that ever had a participant in
-- it. A company that left keeps the row, and loses the room by having no
-- participant; the walls only keep out those who never were there.
CREATE TABLE room_org (
  room_id uuid NOT NULL REFERENCES room,
  org_id  uuid NOT NULL REFERENCES org,
  PRIMARY KEY (room_id, org_id)
);
CREATE INDEX room_org_mine ON room_org (org_id, room_id);
SELECT org_policy('room_org');
GRANT SELECT ON room_org TO openinsure_app;
GRANT SELECT, INSERT ON room_org TO openinsure_worker;

-- share_policy gives a table of rooms its walls: the own rows, and those of
-- rooms that are shared with the organisation.
-- +goose StatementBegin
CREATE FUNCTION share_policy(t regclass, room text DEFAULT 'room_id', extra text DEFAULT 'true') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM org_policy(t);
  EXECUTE format('CREATE POLICY shared ON %s TO openinsure_app USING (%s AND EXISTS (
    SELECT FROM room_org ro WHERE ro.room_id = %s.%I AND ro.org_id = (SELECT nullif(current_setting(''app.org'', true), '''')::uuid)))',
    t, extra, t, room);
END $$;
-- +goose StatementEnd
SELECT share_policy('room', 'id');
GRANT SELECT, INSERT, UPDATE ON room TO openinsure_app, openinsure_worker;

-- A participant's name, address and company are copied: the other company
-- cannot read the user. org_id is the room's.
CREATE TABLE participant (
  room_id         uuid NOT NULL REFERENCES room,
  user_id         uuid NOT NULL REFERENCES app_user,
  org_id          uuid NOT NULL REFERENCES org,
  member_org_id   uuid NOT NULL REFERENCES org,
  member_org_name text NOT NULL,
  name            text NOT NULL,
  email           text NOT NULL,
  role            text NOT NULL CHECK (role IN ('lead_underwriter', 'underwriter', 'broker', 'actuary', 'manager', 'viewer')),
  can_edit        bool NOT NULL,
  can_annotate    bool NOT NULL,
  can_chat        bool NOT NULL,
  from_seq        bigint NOT NULL DEFAULT 0 CHECK (from_seq >= 0), -- entries up to here are not his to read
  invited_by      text NOT NULL,
  joined_at       timestamptz NOT NULL,
  left_at         timestamptz,
  last_seen_at    timestamptz,
  PRIMARY KEY (room_id, user_id)
);
CREATE INDEX participant_rooms ON participant (user_id, room_id) WHERE left_at IS NULL;
SELECT share_policy('participant');
GRANT SELECT, INSERT, UPDATE ON participant TO openinsure_app, openinsure_worker;

-- Where a subject has read to in a channel. org_id is the subject's.
CREATE TABLE read_position (
  channel_id bigint NOT NULL REFERENCES channel,
  subject    text NOT NULL,
  org_id     uuid NOT NULL REFERENCES org,
  seq        bigint NOT NULL CHECK (seq >= 0),
  at         timestamptz NOT NULL,
  PRIMARY KEY (channel_id, subject)
);
SELECT org_policy('read_position');
GRANT SELECT, INSERT, UPDATE ON read_position TO openinsure_app, openinsure_worker;

-- What was uploaded to a room. The bytes are in the file store under the id. A
-- file for a company's desk is that company's alone: org_id is the company's
-- then, and the room's of what is shared. Authors are copied, as participants.
CREATE TABLE file (
  id           uuid PRIMARY KEY,
  org_id       uuid NOT NULL REFERENCES org,
  room_id      uuid NOT NULL REFERENCES room,
  visibility   text NOT NULL CHECK (visibility IN ('shared', 'internal')),
  name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  content_type text NOT NULL,
  size         bigint NOT NULL CHECK (size >= 0),
  sha256       bytea NOT NULL CHECK (length(sha256) = 32),
  author       jsonb NOT NULL,
  created_at   timestamptz NOT NULL
);
CREATE INDEX file_room ON file (room_id, created_at, id);
SELECT share_policy('file', 'room_id', 'visibility = ''shared''');
GRANT SELECT, INSERT ON file TO openinsure_app, openinsure_worker;

-- A remark on a place of a document, in hundredths of a percent of the page.
CREATE TABLE annotation (
  id          uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org,
  room_id     uuid NOT NULL REFERENCES room,
  file_id     uuid NOT NULL REFERENCES file,
  page        int NOT NULL CHECK (page > 0),
  x           int NOT NULL CHECK (x BETWEEN 0 AND 10000),
  y           int NOT NULL CHECK (y BETWEEN 0 AND 10000),
  width       int NOT NULL CHECK (width BETWEEN 0 AND 10000),
  height      int NOT NULL CHECK (height BETWEEN 0 AND 10000),
  body        text NOT NULL CHECK (length(body) BETWEEN 1 AND 4000),
  author      jsonb NOT NULL,
  resolved_by text NOT NULL DEFAULT '',
  resolved_at timestamptz,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,
  version     int NOT NULL DEFAULT 1
);
CREATE INDEX annotation_room ON annotation (room_id, created_at, id);
SELECT share_policy('annotation');
GRANT SELECT, INSERT, UPDATE ON annotation TO openinsure_app, openinsure_worker;

-- A socket ticket that was used; its own signature and expiry do the rest.
CREATE TABLE ticket_use (
  id         uuid PRIMARY KEY,
  expires_at timestamptz NOT NULL
);
CREATE INDEX ticket_use_expires ON ticket_use (expires_at);
GRANT SELECT, INSERT, DELETE ON ticket_use TO openinsure_worker;

-- The channel of a room is shared like the room; others have no room_id.
ALTER TABLE channel ADD COLUMN room_id uuid REFERENCES room;
CREATE POLICY shared ON channel TO openinsure_app USING (room_id IS NOT NULL AND EXISTS (
  SELECT FROM room_org ro WHERE ro.room_id = channel.room_id AND ro.org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid)));

-- ref is the seq of the message that an edit or deletion is about; revokes is
-- the subject who loses the channel with the entry; rewrites says that earlier
-- entries were changed with it.
ALTER TABLE entry ADD COLUMN ref bigint, ADD COLUMN revokes text NOT NULL DEFAULT '', ADD COLUMN rewrites bool NOT NULL DEFAULT false;
CREATE POLICY shared ON entry TO openinsure_app USING (EXISTS (
  SELECT FROM channel c JOIN room_org ro ON ro.room_id = c.room_id
  WHERE c.id = entry.channel_id AND ro.org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid)));
GRANT UPDATE ON entry TO openinsure_worker;
-- Of two posts with one client_id there is one entry.
CREATE UNIQUE INDEX entry_client ON entry (channel_id, author, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX entry_message ON entry (event_id) WHERE kind = 'deal_room.message_posted';
CREATE INDEX entry_ref ON entry (channel_id, ref) WHERE ref IS NOT NULL;
-- Entries grow old by channel, below its floor, and never by time alone.
DROP INDEX entry_at;

-- What a message said before it was edited or deleted. It is kept for the
-- company's own record and shown on no path.
CREATE TABLE message_revision (
  channel_id  bigint NOT NULL REFERENCES channel,
  seq         bigint NOT NULL,
  number      int NOT NULL CHECK (number > 0),
  org_id      uuid NOT NULL REFERENCES org,
  payload     bytea NOT NULL,
  replaced_by text NOT NULL,
  replaced_at timestamptz NOT NULL,
  PRIMARY KEY (channel_id, seq, number)
);
SELECT org_policy('message_revision');
GRANT SELECT, INSERT ON message_revision TO openinsure_worker;
GRANT SELECT ON message_revision TO openinsure_app;

-- The relationships of a room are read by the companies it is shared with.
ALTER TABLE relationship ADD COLUMN room_id uuid GENERATED ALWAYS AS (CASE WHEN object_type = 'room' THEN object_id::uuid END) STORED;
CREATE POLICY shared ON relationship TO openinsure_app USING (room_id IS NOT NULL AND EXISTS (
  SELECT FROM room_org ro WHERE ro.room_id = relationship.room_id AND ro.org_id = (SELECT nullif(current_setting('app.org', true), '')::uuid)));
