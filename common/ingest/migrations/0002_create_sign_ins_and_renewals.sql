-- Sign-ins at the source that users have begun. A row is removed by whoever completes it, so that a
-- state is good once. The state itself and the browser's cookie are kept nowhere.
CREATE TABLE sign_ins (
    state_digest bytea PRIMARY KEY CHECK (octet_length(state_digest) = 32),
    user_id bigint NOT NULL CHECK (user_id > 0),
    browser_digest bytea NOT NULL CHECK (octet_length(browser_digest) = 32),
    code_verifier text NOT NULL,
    begun_at timestamptz NOT NULL
);

-- Finds those that are too old, and a user's newest ones.
CREATE INDEX sign_ins_oldest ON sign_ins (begun_at);
CREATE INDEX sign_ins_newest ON sign_ins (user_id, begun_at DESC, state_digest);

-- Who renews a user's key now. A process that dies leaves its row until its time is over.
CREATE TABLE renewals (
    user_id bigint PRIMARY KEY CHECK (user_id > 0),
    holder text NOT NULL,
    held_until timestamptz NOT NULL
);

-- User 0 stands for all whose keys come from a sign-in: they share the limit of our client id.
ALTER TABLE rate_limits DROP CONSTRAINT rate_limits_user_id_check;
ALTER TABLE rate_limits ADD CONSTRAINT rate_limits_user_id_check CHECK (user_id >= 0);
