-- What has ended waits for nobody, and what waits for the desk is in its queue.
-- Submissions that expired kept their clocks and their place; of whatever ended
-- they stop as of its end. No CHECK holds this: a node of before would fail on it
-- in every tick until it is replaced. That nothing leaves such rows any more is
-- for the test that takes every way out (TestNoClockRunsAfterTheEnd).
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
-- An alternative that was referred left its submission referred, and out of the
-- queue. Working hours cannot be counted here: two days from now on are left for
-- the answer. What has been idle for long expires as it would have.
UPDATE submission s SET queue_at = w.due, risk_at = w.risk, timer_at = least(w.risk, s.updated_at + interval '90 days'),
  clocks = (s.clocks - 'asked') || jsonb_build_object('waits', true, 'quote', jsonb_build_object(
    'startedAt', w.at, 'since', w.at, 'within', 57600000000000, 'riskAt', w.risk, 'dueAt', w.due))
  FROM (SELECT now() AS at, now() + interval '38 hours' AS risk, now() + interval '2 days' AS due) w
  WHERE s.status IN ('received', 'in_review', 'referred') AND s.queue_at IS NULL;
