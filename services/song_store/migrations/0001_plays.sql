-- The plays of all users, each once, and the batches that brought them.

CREATE TABLE batches (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id bigint NOT NULL CHECK (user_id > 0),
  source smallint NOT NULL,  -- the number of playlog.songs.v1.Source
  origin text NOT NULL,      -- what brought the plays, such as `fetch`
  created_at timestamptz NOT NULL DEFAULT now(),
  inserted integer NOT NULL,  -- the plays that were new
  updated integer NOT NULL    -- the plays that were known and completed
);

-- For undoing a user's batches, newest first, and for erasing a user.
CREATE INDEX batches_of_user ON batches (user_id, id);

-- An empty text and a duration of 0 mean that the value is not known. The columns that have a fixed
-- width come first, so that no padding lies between them.
CREATE TABLE plays (
  id bigint GENERATED ALWAYS AS IDENTITY,
  user_id bigint NOT NULL CHECK (user_id > 0),
  played_at timestamptz(6) NOT NULL,
  -- The batch that brought the play first. It is written by the statement that writes the play, and
  -- a foreign key would check it again for every row.
  batch_id bigint NOT NULL,
  duration_ms integer NOT NULL,
  source smallint NOT NULL,  -- the source that told of the play first
  loved boolean,             -- null: no source has told
  streamable boolean,        -- null: no source has told
  digest bytea NOT NULL CHECK (octet_length(digest) = 16),  -- of title and artist
  title text NOT NULL,
  artist text NOT NULL,
  album text NOT NULL,
  album_thumbnail text NOT NULL,
  track_url text NOT NULL,
  artists_url text NOT NULL,
  artist_lastfm_url text NOT NULL,
  track_mbid text NOT NULL,
  artist_mbid text NOT NULL,
  album_mbid text NOT NULL,
  album_thumbnail_small text NOT NULL,
  album_thumbnail_medium text NOT NULL,
  album_thumbnail_large text NOT NULL,
  album_thumbnail_extralarge text NOT NULL,
  -- What makes a play one play, and the order of the timeline. Every statement is bound to one user,
  -- so this is the only index that plays need.
  UNIQUE (user_id, played_at, digest)
);
