-- Which batch gave its user which revision, and between which times its plays lie: so that a batch
-- that comes again is known to have nothing to add although other plays of its user changed since.

-- Null in batches that were stored before, or by a process that does not record them.
ALTER TABLE batches
  ADD COLUMN revision bigint,
  ADD COLUMN first_played_at timestamptz(6),
  ADD COLUMN last_played_at timestamptz(6);
CREATE UNIQUE INDEX batches_of_revision ON batches (user_id, revision) WHERE revision IS NOT NULL;

-- All changes behind `recorded_since` up to `recorded_revision` are rows of batches. A change that is
-- none, such as an erasure, leaves both alone, so that they fall behind the revision and the next
-- batch begins anew.
ALTER TABLE user_revisions
  ADD COLUMN recorded_since bigint NOT NULL DEFAULT 0,
  ADD COLUMN recorded_revision bigint NOT NULL DEFAULT 0;
