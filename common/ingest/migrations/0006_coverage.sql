-- Which parts of a user's history are known to be whole, and what the source itself counts. A row
-- has a version of 0 until a coverage is saved; whoever saves one names the version that it was made
-- from, so that of two processes that change it at once neither undoes the other's work.
CREATE TABLE coverage (
    user_id bigint PRIMARY KEY CHECK (user_id > 0),
    version bigint NOT NULL DEFAULT 0,
    covered tstzmultirange NOT NULL DEFAULT '{}',
    first_look_from timestamptz,
    last_look_at timestamptz,
    theirs bigint,
    ours bigint,
    counted_at timestamptz,
    CHECK ((theirs IS NULL) = (counted_at IS NULL) AND (ours IS NULL) = (counted_at IS NULL))
);
CREATE TRIGGER drop_rows_of_erased_users BEFORE INSERT ON coverage
    FOR EACH ROW EXECUTE FUNCTION drop_rows_of_erased_users();
