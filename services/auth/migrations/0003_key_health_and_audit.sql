-- How each key fares at its service (services/auth/key_health.h). Columns that may be null, or have
-- a constant for their default, are added without rewriting the table.
ALTER TABLE api_credentials
  ADD COLUMN state text NOT NULL DEFAULT 'unverified'
    CHECK (state IN ('unverified', 'ok', 'rejected', 'needs_sign_in')),
  -- Since when; null for keys that are older than this column, which are as they were stored.
  ADD COLUMN state_since timestamptz,
  -- When the service last took the key.
  ADD COLUMN last_success_at timestamptz,
  -- When the accounts service first refused the refresh token, since it last gave a new one.
  ADD COLUMN grant_rejected_at timestamptz,
  -- When the user signed in at the service; null for a key that was pasted in.
  ADD COLUMN signed_in_at timestamptz;

-- Keys are sealed anew by the key that sealed them, in the order of their ids.
DROP INDEX api_credentials_by_kek;
CREATE INDEX api_credentials_by_kek ON api_credentials (kek_id, id);

-- What was done to accounts and keys, for their owners to see.
CREATE TABLE audit_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
  at timestamptz NOT NULL,
  -- A value of playlog.auth.v1.AuditAction without its prefix.
  action text NOT NULL,
  service_name text,
  -- `user`, or a service of Playlog.
  done_by text NOT NULL,
  request_id text NOT NULL
);
CREATE INDEX audit_events_of_user ON audit_events (user_id, id);
