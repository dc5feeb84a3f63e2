-- The listing: what staff filter, search and order by, beside the plays and without their long texts.
-- It is filled in the background from the queue, so that storing plays pays for one small row a
-- batch. Everything in it can be made again from the plays.

-- The spans of plays that changed and are not in the listing yet, one for each changed batch.
CREATE TABLE listing_queue (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL,
  -- The plays from this key on; the digest is empty until a part of a long span has been listed.
  first_played_at timestamptz(6) NOT NULL,
  first_digest bytea NOT NULL DEFAULT '',
  last_played_at timestamptz(6) NOT NULL,
  queued_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX listing_queue_of_user ON listing_queue (user_id);

-- The text as searches see it: without case, accents and line feeds, which separate fields. The
-- collations make it the same in every database.
CREATE FUNCTION fold(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT translate(
    CASE WHEN octet_length(value) = length(value) THEN lower(value COLLATE "C")
    ELSE lower(regexp_replace(normalize(value, NFKD), '[\u0300-\u036f]', '', 'g')
               COLLATE "und-x-icu") COLLATE "C" END,
    E'\n', ' ')
$$;

-- What the index of a track's texts holds: every three characters in a row of its words, and of each
-- MusicBrainz id, which is found by its beginning, the first three and the first eight.
CREATE FUNCTION track_grams(words text, mbids text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT array(
    SELECT substr(words, place, 3) FROM generate_series(1, length(words) - 2) AS place
    UNION ALL SELECT '^' || left(mbid, length)
    FROM unnest(string_to_array(mbids, E'\n')) AS mbid, unnest(ARRAY[3, 8]) AS length
    WHERE length(mbid) >= length)
$$;

-- What a play's song is, each distinct one once: few beside the plays, so that a search looks here
-- first. A row that no play has any more is deleted.
CREATE TABLE listed_tracks (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  duration_ms integer NOT NULL,
  digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 16),
  words text NOT NULL,  -- title, artist and album, folded, a line each
  mbids text NOT NULL   -- the ids of track, artist and album, folded, a line each
);
-- Without a list of pending entries, which every search would read through.
CREATE INDEX listed_tracks_grams ON listed_tracks USING gin (track_grams(words, mbids))
  WITH (fastupdate = off);
-- The orders of the list. An entry of an index has room for 2,700 bytes.
CREATE INDEX listed_tracks_title ON listed_tracks
  ((left(split_part(words, E'\n', 1), 200)) COLLATE "C", id);
CREATE INDEX listed_tracks_artist ON listed_tracks
  ((left(split_part(words, E'\n', 2), 200)) COLLATE "C", id);
CREATE INDEX listed_tracks_album ON listed_tracks
  ((left(split_part(words, E'\n', 3), 200)) COLLATE "C", id);
CREATE INDEX listed_tracks_track_mbid ON listed_tracks
  ((left(split_part(mbids, E'\n', 1), 200)) COLLATE "C", id);
CREATE INDEX listed_tracks_artist_mbid ON listed_tracks
  ((left(split_part(mbids, E'\n', 2), 200)) COLLATE "C", id);
CREATE INDEX listed_tracks_album_mbid ON listed_tracks
  ((left(split_part(mbids, E'\n', 3), 200)) COLLATE "C", id);
CREATE INDEX listed_tracks_duration_ms ON listed_tracks (duration_ms, id);

-- The plays that are in the listing. Rows come and go with the plays; nothing is referenced, since
-- the one who fills the listing and the one who erases from it take turns.
CREATE TABLE listed_plays (
  id bigint PRIMARY KEY,
  user_id bigint NOT NULL,
  played_at timestamptz(6) NOT NULL,
  batch_id bigint NOT NULL,
  track_id bigint NOT NULL,
  source smallint NOT NULL,
  loved boolean NOT NULL,
  streamable boolean NOT NULL
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02);
-- With all columns, so that a walk through everybody's plays reads nothing but this index.
CREATE INDEX listed_plays_by_time ON listed_plays (played_at, id)
  INCLUDE (user_id, batch_id, track_id, source, loved, streamable);
CREATE INDEX listed_plays_of_source ON listed_plays (source, played_at, id);
CREATE INDEX listed_plays_of_user ON listed_plays (user_id, played_at, id);
CREATE INDEX listed_plays_of_batch ON listed_plays (batch_id, played_at, id);
CREATE INDEX listed_plays_of_track ON listed_plays (track_id, played_at, id);
CREATE INDEX listed_plays_loved ON listed_plays (played_at, id) WHERE loved;
CREATE INDEX listed_plays_streamable ON listed_plays (played_at, id) WHERE streamable;

-- How many plays of each user and source are in the listing.
CREATE TABLE listed_users (
  user_id bigint NOT NULL,
  source smallint NOT NULL,
  plays bigint NOT NULL,
  PRIMARY KEY (user_id, source)
);

-- The plays that were there before the listing: every user's, found by skipping along the index.
INSERT INTO listing_queue (user_id, first_played_at, last_played_at)
WITH RECURSIVE users AS (
  (SELECT user_id FROM plays ORDER BY user_id LIMIT 1)
  UNION ALL
  SELECT (SELECT plays.user_id FROM plays WHERE plays.user_id > users.user_id
          ORDER BY plays.user_id LIMIT 1)
  FROM users WHERE users.user_id IS NOT NULL
)
SELECT user_id, '-infinity', 'infinity' FROM users WHERE user_id IS NOT NULL;
