-- From a commit to endpoints, phones, mailboxes and inboxes: what is owed, what
-- was tried, and to whom.
--
-- An event is committed with a row in outbox. The fan-out turns the row into
-- deliveries and notifications, once, and deletes it. A delivery is leased,
-- tried and finished; each attempt leaves a row.
-- +goose Up

-- A new id of the form that we mint ourselves: 48 bits of milliseconds, then
-- randomness.
-- +goose StatementBegin
CREATE FUNCTION new_ulid() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
    || right(replace(gen_random_uuid()::text, '-', ''), 20))::uuid
$$;
-- +goose StatementEnd

-- Events that nobody outside has been told of. persons are those who hear the
-- event in person, each with his part in it; quiet leaves phones and mailboxes
-- alone. Rows live for milliseconds, so the table is vacuumed often.
CREATE TABLE outbox (
  ord      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL REFERENCES event,
  persons  jsonb NOT NULL DEFAULT '[]',
  quiet    bool NOT NULL DEFAULT false
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000);
GRANT SELECT, INSERT, DELETE ON outbox TO openinsure_worker;

-- A message of a room becomes an event when it is fanned out. Its words are its
-- author's to change and to take away, there as well.
GRANT UPDATE (payload) ON event TO openinsure_worker;

-- How far the messages of a channel were fanned out. What was said before there
-- were deliveries is owed to nobody. It is not in channel: whoever posts locks
-- that row.
CREATE TABLE fan_position (
  channel_id bigint PRIMARY KEY REFERENCES channel,
  seq        bigint NOT NULL CHECK (seq >= 0)
) WITH (fillfactor = 50);
INSERT INTO fan_position (channel_id, seq) SELECT id, head FROM channel WHERE name LIKE 'room:%' OR name LIKE 'desk:%';
GRANT SELECT, INSERT, UPDATE ON fan_position TO openinsure_worker;

-- An organisation's webhook address. at_once is how many deliveries may be in
-- flight to it; at_once_now is fewer while it cannot keep up.
CREATE TABLE endpoint (
  id           uuid PRIMARY KEY,
  org_id       uuid NOT NULL REFERENCES org,
  url          text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
  description  text NOT NULL DEFAULT '' CHECK (length(description) <= 500),
  types        text[] NOT NULL CHECK (cardinality(types) > 0),
  thin         bool NOT NULL DEFAULT false,
  ordered      bool NOT NULL DEFAULT false,
  at_once      smallint NOT NULL CHECK (at_once BETWEEN 1 AND 50),
  at_once_now  smallint NOT NULL CHECK (at_once_now BETWEEN 1 AND 50),
  schedule     text NOT NULL CHECK (schedule IN ('standard', 'openinsure-legacy')),
  secret       bytea NOT NULL, -- sealed
  status       text NOT NULL CHECK (status IN ('enabled', 'disabled')),
  reason       text NOT NULL DEFAULT '',
  paused_until timestamptz,
  created_by   text NOT NULL,
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  version      int NOT NULL DEFAULT 1,
  CHECK (NOT ordered OR at_once = 1)
);
CREATE INDEX endpoint_list ON endpoint (org_id, created_at, id);
SELECT org_policy('endpoint');
GRANT SELECT, INSERT, UPDATE, DELETE ON endpoint TO openinsure_app, openinsure_worker;

-- One installation of an app. An address belongs to whoever registered it last,
-- also when he is of another organisation, and to no second app. It is sealed;
-- its hash finds it.
CREATE TABLE device (
  id             uuid PRIMARY KEY,
  org_id         uuid NOT NULL REFERENCES org,
  subject        text NOT NULL, -- usr_… or per_…
  app            text NOT NULL DEFAULT '' CHECK (length(app) <= 200),
  platform       text NOT NULL CHECK (platform IN ('ios', 'android')),
  kind           text NOT NULL CHECK (kind IN ('apns', 'fcm')),
  address        bytea NOT NULL,
  address_hash   bytea NOT NULL UNIQUE CHECK (length(address_hash) = 32),
  installation   bool NOT NULL DEFAULT false,
  environment    text NOT NULL CHECK (environment IN ('production', 'sandbox')),
  locale         text NOT NULL DEFAULT '' CHECK (length(locale) <= 35),
  timezone       text NOT NULL DEFAULT '' CHECK (length(timezone) <= 64),
  app_version    text NOT NULL DEFAULT '' CHECK (length(app_version) <= 40),
  registered_at  timestamptz NOT NULL,
  last_seen_at   timestamptz NOT NULL,
  invalid_at     timestamptz,
  invalid_reason text NOT NULL DEFAULT ''
);
CREATE INDEX device_subject ON device (subject, registered_at, id);
SELECT org_policy('device');
GRANT SELECT ON device TO openinsure_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON device TO openinsure_worker;

-- What reaches a person where. A category that is not listed does.
CREATE TABLE preference (
  subject     text PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES org,
  locale      text NOT NULL DEFAULT '' CHECK (length(locale) <= 35),
  no_push     text[] NOT NULL DEFAULT '{}', -- categories
  no_mail     text[] NOT NULL DEFAULT '{}',
  muted       uuid[] NOT NULL DEFAULT '{}', -- rooms
  quiet_from  smallint CHECK (quiet_from BETWEEN 0 AND 1439), -- minutes after midnight
  quiet_until smallint CHECK (quiet_until BETWEEN 0 AND 1439),
  timezone    text NOT NULL DEFAULT '' CHECK (length(timezone) <= 64),
  updated_at  timestamptz NOT NULL,
  version     int NOT NULL DEFAULT 1,
  CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);
SELECT org_policy('preference');
GRANT SELECT, INSERT, UPDATE ON preference TO openinsure_app, openinsure_worker;

-- The inbox: what a person was told of an event. org_id is the person's.
CREATE TABLE notification (
  id         uuid PRIMARY KEY DEFAULT new_ulid(),
  org_id     uuid NOT NULL REFERENCES org,
  subject    text NOT NULL, -- usr_… or per_…
  event_id   uuid NOT NULL,
  type       text NOT NULL,
  category   text NOT NULL,
  about      text NOT NULL, -- the id of what it happened to
  link       text NOT NULL DEFAULT '',
  words      jsonb NOT NULL, -- title and body, by language
  urgent     bool NOT NULL DEFAULT false,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  read_at    timestamptz,
  UNIQUE (event_id, subject)
);
CREATE INDEX notification_list ON notification (subject, created_at, id);
CREATE INDEX notification_unread ON notification (subject, created_at, id) WHERE read_at IS NULL;
SELECT org_policy('notification');
GRANT SELECT, UPDATE ON notification TO openinsure_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON notification TO openinsure_worker;

-- Who is to be reminded of a room, and when: unless he has read up to seq by
-- then. due_at is null while there is nothing new; last_at is when he was
-- reminded last.
CREATE TABLE nudge (
  channel_id bigint NOT NULL REFERENCES channel,
  subject    text NOT NULL,
  org_id     uuid NOT NULL REFERENCES org, -- his
  event_id   uuid NOT NULL, -- the newest message
  seq        bigint NOT NULL,
  mentioned  bool NOT NULL,
  due_at     timestamptz,
  last_at    timestamptz,
  PRIMARY KEY (channel_id, subject)
) WITH (fillfactor = 70);
CREATE INDEX nudge_due ON nudge (due_at) WHERE due_at IS NOT NULL;
SELECT org_policy('nudge');
GRANT SELECT, INSERT, UPDATE, DELETE ON nudge TO openinsure_worker;
GRANT SELECT ON nudge TO openinsure_app;

-- One event owed to one target: an endpoint, a device, or a person's mailbox.
-- attempt is the fence: only the attempt that was leased may finish it. ord is
-- the order of the fan-out. payload is of what is no event: a test.
CREATE TABLE delivery (
  id              uuid PRIMARY KEY DEFAULT new_ulid(),
  ord             bigint GENERATED ALWAYS AS IDENTITY,
  org_id          uuid NOT NULL REFERENCES org,
  kind            text NOT NULL CHECK (kind IN ('webhook', 'apns', 'fcm', 'mail')),
  target          uuid NOT NULL,
  event_id        uuid NOT NULL,
  type            text NOT NULL,
  notification_id uuid REFERENCES notification ON DELETE CASCADE,
  payload         bytea,
  state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'leased', 'delivered', 'failed', 'cancelled')),
  attempt         smallint NOT NULL DEFAULT 0,
  next_at         timestamptz NOT NULL DEFAULT now(),
  lease_until     timestamptz,
  worker          text NOT NULL DEFAULT '',
  code            smallint NOT NULL DEFAULT 0,
  class           text NOT NULL DEFAULT '',
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  done_at         timestamptz,
  UNIQUE (event_id, target),
  CHECK ((kind = 'webhook') = (notification_id IS NULL)),
  CHECK ((state = 'leased') = (lease_until IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX delivery_due ON delivery (target, next_at, ord) WHERE state = 'pending' AND kind = 'webhook';
CREATE INDEX delivery_order ON delivery (target, ord) WHERE state = 'pending' AND kind = 'webhook';
CREATE INDEX delivery_lane ON delivery (kind, next_at, ord) WHERE state = 'pending' AND kind <> 'webhook';
CREATE INDEX delivery_leased ON delivery (target, lease_until) WHERE state = 'leased';
CREATE INDEX delivery_list ON delivery (target, created_at, id) WHERE kind = 'webhook';
CREATE INDEX delivery_notification ON delivery (notification_id) WHERE notification_id IS NOT NULL;
SELECT org_policy('delivery');
GRANT SELECT, INSERT, UPDATE ON delivery TO openinsure_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON delivery TO openinsure_worker;

-- One try. Times are in microseconds. A partition is a day.
CREATE TABLE attempt (
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  delivery_id     uuid NOT NULL,
  attempt         smallint NOT NULL,
  org_id          uuid NOT NULL,
  outcome         text NOT NULL CHECK (outcome IN ('delivered', 'retry', 'failed', 'gone', 'misset', 'unknown', 'cancelled')),
  code            smallint NOT NULL DEFAULT 0,
  class           text NOT NULL DEFAULT '',
  detail          text NOT NULL DEFAULT '',
  ip              text NOT NULL DEFAULT '',
  dns_us          int NOT NULL DEFAULT 0,
  connect_us      int NOT NULL DEFAULT 0,
  tls_us          int NOT NULL DEFAULT 0,
  first_byte_us   int NOT NULL DEFAULT 0,
  total_us        int NOT NULL DEFAULT 0,
  request_header  jsonb,
  response_header jsonb,
  response_body   bytea,
  provider_id     text NOT NULL DEFAULT '',
  worker          text NOT NULL DEFAULT '',
  PRIMARY KEY (delivery_id, attempt, at)
) PARTITION BY RANGE (at);
SELECT org_policy('attempt');
GRANT SELECT ON attempt TO openinsure_app;
GRANT SELECT, INSERT ON attempt TO openinsure_worker;

-- attempt_partitions makes the partitions of today and some days ahead, drops
-- those whose whole day is older than keep, and returns how many days ahead
-- there are. It runs as the owner of the tables: who sends may not make tables.
-- +goose StatementBegin
CREATE FUNCTION attempt_partitions(ahead int, keep int) RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET timezone = 'UTC' AS $$
DECLARE
  d date;
  old text;
  today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
  -- Two nodes that start together would both make them.
  PERFORM pg_advisory_xact_lock(7349120466);
  FOR d IN SELECT today + i FROM generate_series(0, ahead) i LOOP
    IF to_regclass('attempt_' || to_char(d, 'YYYYMMDD')) IS NULL THEN
      EXECUTE format('CREATE TABLE %I PARTITION OF attempt FOR VALUES FROM (%L) TO (%L)', 'attempt_' || to_char(d, 'YYYYMMDD'), d, d + 1);
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', 'attempt_' || to_char(d, 'YYYYMMDD'));
    END IF;
  END LOOP;
  FOR old IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'attempt'::regclass AND c.relname < 'attempt_' || to_char(today - keep, 'YYYYMMDD') LOOP
    EXECUTE format('DROP TABLE %I', old);
  END LOOP;
  RETURN (SELECT max(to_date(right(c.relname, 8), 'YYYYMMDD')) - today FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'attempt'::regclass);
END $$;
-- +goose StatementEnd
-- The function's names are those of the schema it was made in.
-- +goose StatementBegin
DO $$ BEGIN
  EXECUTE format('ALTER FUNCTION attempt_partitions(int, int) SET search_path = %I, pg_temp', current_schema());
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION attempt_partitions(int, int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION attempt_partitions(int, int) TO openinsure_worker;
SELECT attempt_partitions(7, 30);

-- A policyholder is found by his address.
CREATE UNIQUE INDEX person_email ON person (org_id, lower(email)) WHERE email <> '';
