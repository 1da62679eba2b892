-- What a sandbox's organisation has to its name can be taken away at once.
--
-- Rows are deleted by the worker's role, which only a reset asks to. Whatever
-- points at a row that goes is looked up by an index: without one each deleted
-- row would read the whole table that might point at it.
-- +goose Up
GRANT DELETE ON submission, quote, policy, policy_transaction, invoice, number_counter, producer, producer_license, producer_appointment,
  referral, referral_task, room, room_org, participant, read_position, file, annotation, message_revision, invitation, channel, fan_position, event, attempt,
  da_aggregate, da_usage, bordereau, bordereau_row, overdue TO openinsure_worker;

CREATE INDEX policy_quote ON policy (quote_id);
CREATE INDEX submission_sold ON submission (producer_id) WHERE producer_id IS NOT NULL;
CREATE INDEX referral_about ON referral (submission_id);
CREATE INDEX referral_task_referral ON referral_task (referral_id);
CREATE INDEX referral_task_policy ON referral_task (policy_id);
CREATE INDEX annotation_file ON annotation (file_id);
CREATE INDEX guest_link_room ON guest_link (room_id);
CREATE INDEX guest_device_room ON guest_device (room_id);
CREATE INDEX da_usage_policy ON da_usage (policy_id);
CREATE INDEX da_reservation_submission ON da_reservation (submission_id);
CREATE INDEX bordereau_row_policy ON bordereau_row (policy_id);

-- An outbox row is written with its event, by one statement, and lives for
-- moments; an index for this key would cost more than it is worth.
ALTER TABLE outbox DROP CONSTRAINT outbox_event_id_fkey;

-- Files whose rows are gone and whose bytes have yet to go.
CREATE TABLE discarded_file (
  id     uuid PRIMARY KEY,
  org_id uuid NOT NULL REFERENCES org,
  at     timestamptz NOT NULL
);
SELECT org_policy('discarded_file');
GRANT SELECT ON discarded_file TO openinsure_app;
GRANT SELECT, INSERT, DELETE ON discarded_file TO openinsure_worker;
