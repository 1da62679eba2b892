-- What is told of invoices that are owed, and of policies that are about to
-- expire, and when: an index each finds what is due, of everybody and of one
-- organisation. What is there already is told of from now on; what is overdue by
-- now is told so tomorrow.
-- +goose Up
ALTER TABLE invoice
  ADD COLUMN notice text CHECK (notice IN ('due_soon', 'overdue', 'last_notice')), -- the next
  ADD COLUMN timer_at timestamptz,
  ADD COLUMN past_due_at timestamptz, -- when it was told overdue
  ADD CONSTRAINT invoice_notice CHECK ((notice IS NULL) = (timer_at IS NULL));
UPDATE invoice SET
  notice = CASE WHEN due_date - 7 > current_date THEN 'due_soon' ELSE 'overdue' END,
  timer_at = ((CASE WHEN due_date - 7 > current_date THEN due_date - 7 ELSE greatest(due_date, current_date) + 1 END) + time '09:00') AT TIME ZONE 'America/New_York'
  WHERE status IN ('open', 'failed');
CREATE INDEX invoice_timer ON invoice (timer_at) WHERE timer_at IS NOT NULL AND status IN ('open', 'failed');
CREATE INDEX invoice_timer_org ON invoice (org_id, timer_at) WHERE timer_at IS NOT NULL AND status IN ('open', 'failed');
CREATE INDEX invoice_past_due ON invoice (org_id, created_at, id) WHERE past_due_at IS NOT NULL;

ALTER TABLE policy
  ADD COLUMN renewal_step smallint CHECK (renewal_step IN (60, 30, 15)), -- days before it expires, of the next
  ADD COLUMN timer_at timestamptz,
  ADD CONSTRAINT policy_renewal CHECK ((renewal_step IS NULL) = (timer_at IS NULL));
UPDATE policy p SET renewal_step = n.days, timer_at = (p.expiration_date - n.days + time '09:00') AT TIME ZONE 'America/New_York'
  FROM (VALUES (60, 100000), (30, 60), (15, 30)) n(days, until)
  WHERE p.expiration_date - current_date > n.days AND p.expiration_date - current_date <= n.until AND p.status IN ('bound', 'issued', 'active');
CREATE INDEX policy_timer ON policy (timer_at) WHERE timer_at IS NOT NULL AND status IN ('bound', 'issued', 'active');
CREATE INDEX policy_timer_org ON policy (org_id, timer_at) WHERE timer_at IS NOT NULL AND status IN ('bound', 'issued', 'active');
