-- What is at risk, found from the moment at which that began: in the order of the
-- queue it would be looked for to the queue's end, since there is little of it.
-- +goose Up
CREATE INDEX submission_queue_risk ON submission (org_id, risk_at, queue_at) WHERE queue_at IS NOT NULL;
