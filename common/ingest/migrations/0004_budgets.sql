-- The calls to the upstream that its limits still count. A call arrives at the upstream between
-- taken_at and ends_at, so a limit of n calls within a span of w counts it until ends_at + w.
CREATE TABLE budget_places (
    name bytea PRIMARY KEY CHECK (octet_length(name) = 16),
    -- Whom the upstream counts the call for: a user, or a digest of a key that users share.
    subject bytea NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 64),
    -- Null once the user was erased, while others share the subject.
    user_id bigint CHECK (user_id > 0),
    taken_at timestamptz NOT NULL,
    -- When the call ended; until that is known, when it must have.
    ends_at timestamptz NOT NULL,
    -- When no limit counts it any more.
    forget_at timestamptz NOT NULL
);

-- Finds what counts for a subject, what the erasure of a user is about, and what is over.
CREATE INDEX budget_places_counted ON budget_places (subject, ends_at);
CREATE INDEX budget_places_of_user ON budget_places (user_id, taken_at);
CREATE INDEX budget_places_over ON budget_places (forget_at);

CREATE TRIGGER drop_rows_of_erased_users BEFORE INSERT ON budget_places
    FOR EACH ROW EXECUTE FUNCTION drop_rows_of_erased_users();

-- Who waits for a place. It may be lost in a crash, since all of them ask again within a second:
-- thus waiting writes nothing to the disk.
CREATE UNLOGGED TABLE budget_waiters (
    name bytea PRIMARY KEY CHECK (octet_length(name) = 16),
    subject bytea NOT NULL CHECK (octet_length(subject) BETWEEN 1 AND 64),
    user_id bigint NOT NULL CHECK (user_id > 0),
    interactive boolean NOT NULL,
    since timestamptz NOT NULL,
    -- Who has not asked again until then is passed over, and may be dead.
    alive_until timestamptz NOT NULL
);
CREATE INDEX budget_waiters_of_subject ON budget_waiters (subject);
CREATE INDEX budget_waiters_of_user ON budget_waiters (user_id);
CREATE INDEX budget_waiters_over ON budget_waiters (alive_until);

CREATE TRIGGER drop_rows_of_erased_users BEFORE INSERT ON budget_waiters
    FOR EACH ROW EXECUTE FUNCTION drop_rows_of_erased_users();

-- Forgets some of what is over, of any subject, so that nothing is left of those who never call
-- again. The dead wait for a minute longer: they may only have been slow, and keep their turn.
CREATE FUNCTION forget_budgets(asked_at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    DELETE FROM budget_places WHERE name IN (
        SELECT name FROM budget_places WHERE forget_at < asked_at
        ORDER BY forget_at LIMIT 20 FOR UPDATE SKIP LOCKED);
    DELETE FROM budget_waiters WHERE name IN (
        SELECT name FROM budget_waiters WHERE alive_until < asked_at - interval '1 minute'
        ORDER BY alive_until LIMIT 20 FOR UPDATE SKIP LOCKED);
$$;

-- How many wait for a place of the subject and are served before the named one. Users are served in
-- turn: of each class, all first ones come before all second ones, and among the first ones, the
-- one whose last call is the longest ago.
CREATE FUNCTION count_ahead(
    wanted_name bytea, wanted_subject bytea, wanting_user bigint, is_interactive boolean,
    asked_at timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    WITH line AS (
        SELECT name, user_id, interactive, since FROM budget_waiters
        WHERE subject = wanted_subject AND alive_until >= asked_at AND name <> wanted_name
        UNION ALL
        SELECT wanted_name, wanting_user, is_interactive,
            coalesce((SELECT since FROM budget_waiters WHERE name = wanted_name), asked_at)
    ), turns AS (
        SELECT name, user_id, interactive, since,
            row_number() OVER (PARTITION BY user_id, interactive ORDER BY since, name) AS turn
        FROM line
    ), served AS (
        SELECT user_id, max(taken_at) AS last_taken_at FROM budget_places
        WHERE subject = wanted_subject GROUP BY user_id
    ), ordered AS (
        SELECT name, row_number() OVER (
            ORDER BY interactive DESC, turn, last_taken_at NULLS FIRST, since, name) AS position
        FROM turns LEFT JOIN served USING (user_id)
    )
    SELECT position - 1 FROM ordered WHERE name = wanted_name
$$;

-- Takes a place or waits in line for it, as BudgetStore::Take says; all times are in microseconds.
-- The subject is locked, so that what is counted cannot change before the place is taken. Places
-- that end meanwhile only come free.
CREATE FUNCTION take_budget_place(
    wanted_name bytea, wanted_subject bytea, wanting_user bigint, is_interactive boolean,
    max_calls bigint[], windows bigint[], lease bigint, max_wait bigint,
    longest_pause bigint, lateness bigint, OUT answer text, OUT wait bigint)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    microsecond CONSTANT interval := interval '1 microsecond';
    asked_at timestamptz;
    free_from timestamptz;  -- When the asker can have a place at the earliest.
    ahead bigint;
    counted timestamptz[];  -- When each call that a limit counts can have ended, in this order.
    missing bigint;         -- How many of them must be over first.
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('playlog.budgets.' || current_schema),
                                  hashtext(encode(wanted_subject, 'hex')));
    asked_at := clock_timestamp();
    wait := 0;
    PERFORM forget_budgets(asked_at);
    IF EXISTS (SELECT FROM budget_places WHERE name = wanted_name) THEN
        answer := 'granted';
        RETURN;
    END IF;

    ahead := count_ahead(wanted_name, wanted_subject, wanting_user, is_interactive, asked_at);
    FOR i IN 1 .. cardinality(max_calls) LOOP
        SELECT coalesce(array_agg(least(ends_at, asked_at) ORDER BY ends_at), '{}') INTO counted
        FROM budget_places
        WHERE subject = wanted_subject AND ends_at >= asked_at - windows[i] * microsecond;
        -- As many as a limit allows can be served at once; the next ones a whole window later.
        missing := cardinality(counted) + ahead % max_calls[i] - max_calls[i] + 1;
        IF missing > 0 OR ahead >= max_calls[i] THEN
            free_from := greatest(
                free_from,
                CASE WHEN missing > 0 THEN counted[missing] + windows[i] * microsecond
                     ELSE asked_at END + (ahead / max_calls[i]) * windows[i] * microsecond);
        END IF;
    END LOOP;

    IF free_from IS NULL THEN
        DELETE FROM budget_waiters WHERE name = wanted_name;
        INSERT INTO budget_places (name, subject, user_id, taken_at, ends_at, forget_at)
        VALUES (wanted_name, wanted_subject, wanting_user, asked_at, asked_at + lease * microsecond,
                asked_at + (lease + (SELECT max(length) FROM unnest(windows) AS length))
                    * microsecond);
        IF FOUND THEN
            answer := 'granted';
        ELSE  -- The user was erased.
            answer := 'refused';
            wait := max_wait;
        END IF;
        RETURN;
    END IF;

    wait := greatest(extract(epoch FROM free_from - asked_at) * 1000000, 0);
    IF wait > max_wait THEN
        answer := 'refused';
        DELETE FROM budget_waiters WHERE name = wanted_name;
        RETURN;
    END IF;
    answer := 'wait';
    wait := least(wait, longest_pause);
    INSERT INTO budget_waiters AS known (name, subject, user_id, interactive, since, alive_until)
    VALUES (wanted_name, wanted_subject, wanting_user, is_interactive, asked_at,
            asked_at + (wait + lateness) * microsecond)
    ON CONFLICT (name) DO UPDATE
    SET interactive = EXCLUDED.interactive, alive_until = EXCLUDED.alive_until;
END
$$;
