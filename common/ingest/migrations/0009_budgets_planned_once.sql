-- The same two functions in PL/pgSQL: each connection plans their statements once, where those of a
-- function in SQL are parsed and planned again at every place that is taken, which took two thirds of
-- its time (tests/bench/NOTES.md).
CREATE OR REPLACE FUNCTION forget_budgets(asked_at timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM budget_places WHERE name IN (
        SELECT name FROM budget_places WHERE forget_at < asked_at
        ORDER BY forget_at LIMIT 20 FOR UPDATE SKIP LOCKED);
    DELETE FROM budget_waiters WHERE name IN (
        SELECT name FROM budget_waiters WHERE alive_until < asked_at - interval '1 minute'
        ORDER BY alive_until LIMIT 20 FOR UPDATE SKIP LOCKED);
END
$$;

CREATE OR REPLACE FUNCTION count_ahead(
    wanted_name bytea, wanted_subject bytea, wanting_user bigint, is_interactive boolean,
    asked_at timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM budget_waiters
        WHERE subject = wanted_subject AND alive_until >= asked_at AND name <> wanted_name) THEN
        RETURN 0;
    END IF;
    RETURN count_ahead_in_line(
        wanted_name, wanted_subject, wanting_user, is_interactive, asked_at);
END
$$;
