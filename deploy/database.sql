-- One database; one role and one schema per service. A role owns its schema, migrates it itself,
-- and has no right on another's. Run by deploy/up and by the container set-up with psql, which gives
-- :database, :auth_password and so on. Running it again changes nothing but the passwords.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT pg_advisory_lock(hashtext('playlog.database')) \g /dev/null

SELECT format('CREATE DATABASE %I ENCODING ''UTF8'' TEMPLATE template0', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec

SELECT format('CREATE ROLE %I LOGIN', name)
  FROM unnest(ARRAY['auth', 'spotify_ingest', 'lastfm_ingest', 'song_store']) AS name
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- An administrator who is no superuser may give schemas only to roles that he is a member of.
SELECT format('GRANT %I TO CURRENT_USER', name)
  FROM unnest(ARRAY['auth', 'spotify_ingest', 'lastfm_ingest', 'song_store']) AS name
 WHERE NOT pg_has_role(CURRENT_USER, name, 'USAGE') \gexec

SET password_encryption = 'scram-sha-256';
ALTER ROLE auth LOGIN CONNECTION LIMIT 12 PASSWORD :'auth_password';
ALTER ROLE spotify_ingest LOGIN CONNECTION LIMIT 12 PASSWORD :'spotify_ingest_password';
ALTER ROLE lastfm_ingest LOGIN CONNECTION LIMIT 12 PASSWORD :'lastfm_ingest_password';
-- Two pools a process, and two processes while one takes over from the other.
ALTER ROLE song_store LOGIN CONNECTION LIMIT 20 PASSWORD :'song_store_password';

SELECT format('REVOKE ALL ON DATABASE %I FROM PUBLIC', :'database') \gexec
SELECT format('GRANT CONNECT ON DATABASE %I TO auth, spotify_ingest, lastfm_ingest, song_store',
              :'database') \gexec

\connect :database
SET client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS auth AUTHORIZATION auth;
CREATE SCHEMA IF NOT EXISTS spotify_ingest AUTHORIZATION spotify_ingest;
CREATE SCHEMA IF NOT EXISTS lastfm_ingest AUTHORIZATION lastfm_ingest;
CREATE SCHEMA IF NOT EXISTS song_store AUTHORIZATION song_store;
SELECT format('ALTER ROLE %I IN DATABASE %I SET search_path = %I', name, :'database', name)
  FROM unnest(ARRAY['auth', 'spotify_ingest', 'lastfm_ingest', 'song_store']) AS name \gexec
