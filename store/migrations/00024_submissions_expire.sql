-- Open submissions of which nothing becomes expire: 90 days after they were
-- touched last. Those that are there already get their timer.
-- +goose Up
UPDATE submission SET timer_at = least(timer_at, updated_at + interval '90 days')
  WHERE status IN ('received', 'in_review', 'quoted', 'referred');
