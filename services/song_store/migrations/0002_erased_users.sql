-- The users who were erased. Nothing of theirs is taken in any more, since a fetch may have been
-- under way. Ids are never used again, and an id alone tells nothing about anybody, so the rows stay.
CREATE TABLE erased_users (
  user_id bigint PRIMARY KEY CHECK (user_id > 0),
  erased_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Says whether a user's plays may be stored, and keeps the user from being marked as erased until
-- the caller's transaction has ended. What comes after the lock sees what was committed before it,
-- even within one statement: a volatile function's queries each look at the database anew.
CREATE FUNCTION admit_user(candidate bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(hashtext('playlog.erasure.' || current_schema),
                                       hashint8(candidate));
  RETURN NOT EXISTS (SELECT FROM erased_users WHERE user_id = candidate);
END
$$;

-- Marks a user as erased once every transaction that has admitted the user has ended. So a deletion
-- in a later transaction finds all that was ever stored.
CREATE FUNCTION mark_erased(leaver bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('playlog.erasure.' || current_schema), hashint8(leaver));
  INSERT INTO erased_users (user_id) VALUES (leaver) ON CONFLICT DO NOTHING;
END
$$;
