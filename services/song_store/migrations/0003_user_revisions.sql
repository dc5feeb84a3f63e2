-- In which state each user's plays are, for whoever has kept an answer made of them. Every
-- transaction that changes a user's plays gives the user a revision that there never was; a user
-- without a row has revision 0. To mark a user as erased and to erase the plays are changes too. The
-- row outlives them, and like erased_users it tells nothing about anybody.
CREATE TABLE user_revisions (
  user_id bigint PRIMARY KEY CHECK (user_id > 0),
  revision bigint NOT NULL CHECK (revision > 0),
  previous bigint NOT NULL  -- the one before, by which a statement knows that no other came between
) WITH (fillfactor = 50);  -- a row is only ever updated, and this leaves room to do it in place

-- The revision that follows `known`. It is the time in microseconds, so that a database that was
-- restored from a backup does not give the same ones again to other states.
CREATE FUNCTION next_revision(known bigint) RETURNS bigint LANGUAGE sql VOLATILE
RETURN greatest(known + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);
