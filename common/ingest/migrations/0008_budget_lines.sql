-- Where nobody else stands in line, nobody is ahead. To find that out by the order of the line meant
-- to look at every place of the subject, at each page of a backfill.
ALTER FUNCTION count_ahead(bytea, bytea, bigint, boolean, timestamptz) RENAME TO count_ahead_in_line;

CREATE FUNCTION count_ahead(
    wanted_name bytea, wanted_subject bytea, wanting_user bigint, is_interactive boolean,
    asked_at timestamptz) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN EXISTS (
        SELECT FROM budget_waiters
        WHERE subject = wanted_subject AND alive_until >= asked_at AND name <> wanted_name)
    THEN count_ahead_in_line(wanted_name, wanted_subject, wanting_user, is_interactive, asked_at)
    ELSE 0 END
$$;
