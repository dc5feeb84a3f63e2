-- As before, but without looking at every place of the subject for the order of a line in which
-- nobody else stands: that was most of the 2.6 ms which a page of a backfill paid here.
-- Takes a place or waits in line for it, as BudgetStore::Take says; all times are in microseconds.
-- The subject is locked, so that what is counted cannot change before the place is taken. Places
-- that end meanwhile only come free.
CREATE OR REPLACE FUNCTION take_budget_place(
    wanted_name bytea, wanted_subject bytea, wanting_user bigint, is_interactive boolean,
    max_calls bigint[], windows bigint[], lease bigint, max_wait bigint,
    longest_pause bigint, lateness bigint, OUT answer text, OUT wait bigint)
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
DECLARE
    microsecond CONSTANT interval := interval '1 microsecond';
    asked_at timestamptz;
    free_from timestamptz;  -- When the asker can have a place at the earliest.
    ahead bigint := 0;
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

    IF EXISTS (SELECT FROM budget_waiters
               WHERE subject = wanted_subject AND alive_until >= asked_at AND name <> wanted_name)
    THEN
        ahead := count_ahead(wanted_name, wanted_subject, wanting_user, is_interactive, asked_at);
    END IF;
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
