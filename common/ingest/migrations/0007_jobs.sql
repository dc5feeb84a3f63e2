-- Backfills of users' pasts. A row says where the work is: whoever claims it goes on there. It is
-- written anew after every few pages, hence the room beside it.
CREATE TABLE jobs (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL CHECK (user_id > 0),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'failed', 'cancelled')),
    -- The span; null is the beginning of the history.
    span_from timestamptz,
    span_to timestamptz NOT NULL,
    -- The present walk.
    total bigint,
    position bigint NOT NULL DEFAULT 0,
    page_size integer NOT NULL,
    steady boolean NOT NULL DEFAULT true,
    told_twice bigint NOT NULL DEFAULT 0,
    seam_second timestamptz,
    seam_keys bytea NOT NULL DEFAULT '',
    rejected jsonb NOT NULL DEFAULT '{}',
    walk_added bigint NOT NULL DEFAULT 0,
    -- All walks.
    walks integer NOT NULL DEFAULT 0,
    excess bigint,
    added bigint NOT NULL DEFAULT 0,
    read bigint NOT NULL DEFAULT 0,
    differences jsonb NOT NULL DEFAULT '{}',
    worked_us bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    last_error text,
    -- Who works on it now. A process that dies leaves that until its time is over.
    holder text,
    held_until timestamptz,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
) WITH (fillfactor = 50);

-- A user has one job that has not ended.
CREATE UNIQUE INDEX jobs_open ON jobs (user_id) WHERE state = 'open';
-- Finds the job that is due.
CREATE INDEX jobs_due ON jobs (due_at, number) WHERE state = 'open';
-- Lists a user's jobs, and finds the oldest, which go.
CREATE INDEX jobs_newest ON jobs (user_id, number DESC);

CREATE TRIGGER drop_rows_of_erased_users BEFORE INSERT ON jobs
    FOR EACH ROW EXECUTE FUNCTION drop_rows_of_erased_users();
