-- What the upstream sent and could not become a play, for people to look at. One row for each
-- distinct item: the digest is the first half of SHA-256 over source and raw text.
CREATE TABLE rejected_items (
    user_id bigint NOT NULL CHECK (user_id > 0),
    digest bytea NOT NULL CHECK (octet_length(digest) = 16),
    source text NOT NULL,
    reason text NOT NULL,
    raw text NOT NULL CHECK (octet_length(raw) <= 16384),
    rejected_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, digest)
);

-- Finds a user's newest items, beyond which the oldest are dropped.
CREATE INDEX rejected_items_newest ON rejected_items (user_id, rejected_at DESC, digest);

-- Until when an upstream wants no call with a version of a user's key.
CREATE TABLE rate_limits (
    user_id bigint PRIMARY KEY CHECK (user_id > 0),
    key_version bigint NOT NULL,
    limited_until timestamptz NOT NULL
);
