-- What is fetched by itself: one row for each user who has stored a key for the source at some time.
-- Times are those of this server's clock, which all who share the work share too, but for the ones
-- that are a play's.
CREATE TABLE schedules (
    user_id bigint PRIMARY KEY CHECK (user_id > 0),
    -- The user's wish, which outlives the key.
    enabled boolean NOT NULL DEFAULT true,
    -- The version of the key; 0 while it is not known, or there is no key.
    key_version bigint NOT NULL DEFAULT 0,
    -- How the key fares at its service; null: the user has none.
    credential_state text CHECK (
        credential_state IN ('unverified', 'ok', 'expiring', 'rejected', 'needs_sign_in')),
    -- When that was last learned from the user or the source. The list of all keys, which is a
    -- moment old when it arrives, changes nothing that is newer.
    credential_noted_at timestamptz NOT NULL,
    next_run_at timestamptz NOT NULL,
    -- Who works on it now. One who dies leaves its claim until its time is over.
    claimed_by text,
    claimed_until timestamptz,
    last_run_at timestamptz,
    last_success_at timestamptz,
    last_error text,  -- In words, for the user.
    -- Until when the source's limits keep runs back, as the last run learned.
    limited_until timestamptz,
    failures integer NOT NULL DEFAULT 0,  -- The runs in a row that did not succeed.
    plays_added bigint NOT NULL DEFAULT 0,
    interval_ms bigint NOT NULL DEFAULT 0,
    -- How fast the user plays (common/ingest/poll_interval.h).
    peak_ms bigint CHECK (peak_ms > 0),
    peak_at timestamptz,
    newest_play_at timestamptz,
    -- What a source that tells its past is read by (common/ingest/schedule_store.h).
    watermark timestamptz,
    unread_from timestamptz,
    unread_to timestamptz,
    compared_at timestamptz,
    CHECK ((unread_from IS NULL) = (unread_to IS NULL))
)
-- Rows are written again and again, and most times no index changes.
WITH (fillfactor = 70);

-- Finds who is due, so that all others cost nothing.
CREATE INDEX schedules_due ON schedules (next_run_at) WHERE enabled;

CREATE TRIGGER drop_rows_of_erased_users BEFORE INSERT ON schedules
    FOR EACH ROW EXECUTE FUNCTION drop_rows_of_erased_users();
