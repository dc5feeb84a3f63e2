-- The users who were erased. Nothing of theirs is kept any more, since a fetch or a sign-in may have
-- been under way. Ids are never used again, and an id alone tells nothing about anybody, so the rows
-- stay.
CREATE TABLE erased_users (
    user_id bigint PRIMARY KEY CHECK (user_id > 0),
    erased_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Drops a new row of an erased user, and keeps every other user from being marked as erased until the
-- transaction has ended. What comes after the lock sees what was committed before it, even within
-- one statement: a volatile function's queries each look at the database anew. Every table with rows
-- of users has it as a trigger, so that no statement can forget it.
CREATE FUNCTION drop_rows_of_erased_users() RETURNS trigger
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('playlog.erasure.' || current_schema),
                                         hashint8(NEW.user_id));
    IF EXISTS (SELECT FROM erased_users WHERE user_id = NEW.user_id) THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER drop_rows_of_erased_users BEFORE INSERT ON rejected_items
    FOR EACH ROW EXECUTE FUNCTION drop_rows_of_erased_users();
CREATE TRIGGER drop_rows_of_erased_users BEFORE INSERT ON rate_limits
    FOR EACH ROW EXECUTE FUNCTION drop_rows_of_erased_users();
CREATE TRIGGER drop_rows_of_erased_users BEFORE INSERT ON sign_ins
    FOR EACH ROW EXECUTE FUNCTION drop_rows_of_erased_users();
CREATE TRIGGER drop_rows_of_erased_users BEFORE INSERT ON renewals
    FOR EACH ROW EXECUTE FUNCTION drop_rows_of_erased_users();

-- Marks a user as erased once every transaction that has kept something of the user has ended. So a
-- deletion in a later transaction finds all that was ever kept.
CREATE FUNCTION mark_erased(leaver bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('playlog.erasure.' || current_schema),
                                  hashint8(leaver));
    INSERT INTO erased_users (user_id) VALUES (leaver) ON CONFLICT DO NOTHING;
END
$$;
