-- What has ended waits for nobody. Submissions that expired kept their clocks and
-- their place in the queue: their clocks stop as of their end, and no row that is
-- not the desk's to answer can be in the queue again.
-- +goose Up
UPDATE submission s SET queue_at = NULL, risk_at = NULL, timer_at = NULL,
  clocks = (s.clocks - 'waits' - 'asked') || coalesce((
    SELECT jsonb_object_agg(c.key, (c.value - 'since' - 'riskAt' - 'dueAt') || jsonb_build_object(
      'doneAt', to_char(s.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      'late', coalesce((c.value ->> 'dueAt')::timestamptz <= s.updated_at, false)
        OR coalesce((c.value ->> 'spent')::bigint, 0) >= coalesce((c.value ->> 'within')::bigint, 0)))
    FROM jsonb_each(s.clocks) c
    WHERE c.key IN ('response', 'quote') AND c.value ? 'startedAt' AND NOT c.value ? 'doneAt'), '{}')
  WHERE s.status IN ('declined', 'withdrawn', 'expired', 'bound')
    AND (s.queue_at IS NOT NULL OR s.risk_at IS NOT NULL OR s.timer_at IS NOT NULL);
ALTER TABLE submission ADD CONSTRAINT submission_queue_waits CHECK (queue_at IS NULL OR status IN ('received', 'in_review', 'referred')) NOT VALID;
ALTER TABLE submission VALIDATE CONSTRAINT submission_queue_waits;
