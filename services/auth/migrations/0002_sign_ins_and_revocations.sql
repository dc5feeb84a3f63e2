-- Grows when the password changes, but not when the hash of the same password is made anew: a
-- sign-in that has checked the old password starts nothing any more.
ALTER TABLE users ADD COLUMN password_version bigint NOT NULL DEFAULT 0;

-- Access tokens that ended before their time: those of a user below a version, or those of one
-- sign-in, whose id is that of its row in refresh_families. Written by the triggers below alone, so
-- that whatever ends tokens revokes them in the same transaction. A row matters for as long as an
-- access token lives, 15 minutes. It outlives its user, so nothing is referenced.
CREATE TABLE revocations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL,
  minimum_token_version bigint NOT NULL DEFAULT 0,
  session_id bigint NOT NULL DEFAULT 0,
  -- By the clock of this server, which all who write and list revocations share.
  revoked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((minimum_token_version > 0) <> (session_id > 0))
);
CREATE INDEX revocations_by_age ON revocations (revoked_at);

-- Adds a revocation and forgets some that matter no more.
CREATE FUNCTION add_revocation(of_user bigint, below_version bigint, of_session bigint)
RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
  DELETE FROM revocations WHERE id IN (
    SELECT id FROM revocations WHERE revoked_at < clock_timestamp() - interval '20 minutes'
    ORDER BY revoked_at LIMIT 100 FOR UPDATE SKIP LOCKED);
  INSERT INTO revocations (user_id, minimum_token_version, session_id)
  VALUES (of_user, below_version, of_session);
$$;

-- To revoke all tokens of a user, raise users.token_version or delete the row.
CREATE FUNCTION revoke_tokens_of_user() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    PERFORM add_revocation(OLD.id, OLD.token_version + 1, 0);
  ELSE
    PERFORM add_revocation(NEW.id, NEW.token_version, 0);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER users_deleted AFTER DELETE ON users
  FOR EACH ROW EXECUTE FUNCTION revoke_tokens_of_user();
CREATE TRIGGER users_token_version_raised AFTER UPDATE OF token_version ON users
  FOR EACH ROW WHEN (NEW.token_version > OLD.token_version)
  EXECUTE FUNCTION revoke_tokens_of_user();

-- To revoke the tokens of one sign-in, set refresh_families.revoked_at.
CREATE FUNCTION revoke_tokens_of_sign_in() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
  PERFORM add_revocation(NEW.user_id, 0, NEW.id);
  RETURN NULL;
END
$$;
CREATE TRIGGER refresh_families_revoked AFTER UPDATE OF revoked_at ON refresh_families
  FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
  EXECUTE FUNCTION revoke_tokens_of_sign_in();
