-- The deletions of users, each written by the transaction that deletes the user, and kept until
-- every other service has erased what it holds. A finished row stays as the proof that it was done:
-- an id that is never used again and three times tell nothing about anybody.
CREATE TABLE erasures (
  user_id bigint PRIMARY KEY,
  requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- When somebody may work on it: at once, after a pause, or when the time of one who works on it
  -- now, and may have died, is over.
  due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  attempts integer NOT NULL DEFAULT 0,
  done_at timestamptz
);
CREATE INDEX erasures_due ON erasures (due_at) WHERE done_at IS NULL;
