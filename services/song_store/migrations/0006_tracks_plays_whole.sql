-- The plays of a track with all their columns, as those by time: a search of three letters takes the
-- newest plays of up to two thousand tracks, and to look each up beside the index took most of it.
DROP INDEX listed_plays_of_track;
CREATE INDEX listed_plays_of_track ON listed_plays (track_id, played_at, id)
  INCLUDE (user_id, batch_id, source, loved, streamable);
