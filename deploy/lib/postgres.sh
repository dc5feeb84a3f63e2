# shellcheck shell=bash
# The private PostgreSQL 15 cluster of a home, or the server that PLAYLOG_DATABASE_URL names; then
# the database, its roles and their passwords. Runs as the home's user.

readonly postgres_programs=/usr/lib/postgresql/15/bin
readonly database_services=(auth spotify_ingest lastfm_ingest song_store)

# An eighth of the machine's memory, between 128 MB and 1 GB: what is read from here is not copied
# and checked again. PostgreSQL's own advice is a quarter, of a machine that runs nothing else.
shared_buffers_mb() {
  local kib eighth
  kib=$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)
  eighth=$((kib / 8 / 1024))
  printf '%d' $((eighth < 128 ? 128 : eighth > 1024 ? 1024 : eighth))
}

postgres_configuration() {
  cat <<EOF
# Written by deploy/up; a change made here is lost at the next run.
listen_addresses = ''
unix_socket_directories = '$home/run'
unix_socket_permissions = 0700
max_connections = 60
password_encryption = 'scram-sha-256'
# What was acknowledged survives a crash of the machine.
fsync = on
full_page_writes = on
synchronous_commit = on
wal_sync_method = fdatasync
restart_after_crash = on
shared_buffers = $(shared_buffers_mb)MB
max_wal_size = 2GB
client_connection_check_interval = '5s'
timezone = 'UTC'
log_timezone = 'UTC'
# The log names statements and never their values: rows hold what people listened to.
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_line_prefix = '%m [%p] %q%u@%d '
EOF
}

# The home's user is the superuser by its identity alone; the services give passwords.
postgres_access() {
  cat <<EOF
# Written by deploy/up; a change made here is lost at the next run.
local  all      postgres                                             peer map=owner
local  playlog  auth,spotify_ingest,lastfm_ingest,song_store  scram-sha-256
EOF
}

make_cluster() {
  local data=$home/postgres/data fresh=$home/postgres/data.fresh
  if [[ ! -f $data/PG_VERSION ]]; then
    note "making a PostgreSQL 15 cluster in $data"
    rm -rf -- "$fresh"
    "$postgres_programs/initdb" --pgdata="$fresh" --username=postgres --data-checksums \
      --encoding=UTF8 --locale=C.UTF-8 --auth-local=peer --auth-host=reject \
      >"$home/log/initdb.log" 2>&1 || fail "initdb could not make the cluster" "$home/log/initdb.log"
    printf "include 'playlog.conf'\n" >>"$fresh/postgresql.conf"
    printf 'owner %s postgres\n' "$(id -un)" >"$fresh/pg_ident.conf"
    : >"$fresh/playlog.conf"
    mv -T -- "$fresh" "$data"
  fi
  [[ $(<"$data/PG_VERSION") == 15 ]] ||
    fail "$data is of PostgreSQL $(<"$data/PG_VERSION"), and Playlog runs 15"
  postgres_configuration | write_if_changed "$data/playlog.conf" 0600 || true
  postgres_access | write_if_changed "$data/pg_hba.conf" 0600 || true
}

private_cluster_answers() { "$postgres_programs/pg_isready" -q -h "$home/run" -U postgres -d postgres; }

# Splits PLAYLOG_DATABASE_URL: the password goes into a file for libpq, the rest names the server.
# The database is the URL's, `playlog` if it names none.
use_external_server() {
  local url=$1 authority rest user password=""
  [[ $url =~ ^postgres(ql)?:// ]] || fail "PLAYLOG_DATABASE_URL does not begin with postgresql://"
  if [[ $url =~ [?\&]password= ]]; then
    fail "PLAYLOG_DATABASE_URL has its password among the parameters; write postgresql://user:password@host/"
  fi
  rest=${url#*://}
  authority=${rest%%[/?]*}
  database_parameters=""
  if [[ $rest == *\?* ]]; then database_parameters=${rest#*\?}; fi
  database_server=${authority##*@}
  user=${authority%@*}
  [[ $user != "$authority" && -n ${user%%:*} ]] || fail "PLAYLOG_DATABASE_URL names no user"
  if [[ $user == *:* ]]; then password=${user#*:}; fi
  database_admin=${user%%:*}
  rest=${rest#"$authority"}
  rest=${rest%%\?*}
  database_name=${rest#/}
  if [[ -z $database_name || $database_name == postgres ]]; then database_name=playlog; fi
  [[ $database_name =~ ^[a-z_][a-z0-9_]*$ ]] ||
    fail "PLAYLOG_DATABASE_URL names the database '$database_name'; use lower-case letters, digits and _"
  keep_admin_password "$password"
}

keep_admin_password() {
  local password
  printf -v password '%b' "${1//%/\\x}"
  password=${password//\\/\\\\}
  printf '*:*:*:*:%s\n' "${password//:/\\:}" | write_if_changed "$home/secrets/database_admin" 0400 || true
}

use_private_cluster() {
  database_name=playlog
  database_admin=postgres
  database_server=""
  database_parameters="host=${home//\//%2F}%2Frun"
}

# database_url USER[:PASSWORD] DATABASE
database_url() {
  printf 'postgresql://%s@%s/%s' "$1" "$database_server" "$2"
  if [[ -n $database_parameters ]]; then printf '?%s' "$database_parameters"; fi
}

# choose_database URL: an empty one means the private cluster. A home that changes from one server
# to the other starts there with what that server holds: that is worth a word.
choose_database() {
  local before now=private
  if [[ -n $1 ]]; then now=external; fi
  before=$(cat "$home/config/database" 2>/dev/null || true)
  if [[ -n $before && $before != "$now" ]]; then
    warn "this home used its $before PostgreSQL before and now uses the $now one; no data is moved"
  fi
  if [[ $now == external ]]; then use_external_server "$1"; else use_private_cluster; fi
  printf '%s\n' "$now" | write_if_changed "$home/config/database" 0600 || true
}

uses_private_cluster() { [[ $(cat "$home/config/database" 2>/dev/null) == private ]]; }

# The password of a role is in the file that its service reads, and nowhere else.
password_of() {
  local file=$home/secrets/$1/database_url
  if [[ -f $file ]]; then sed -n 's|^postgresql://[^:]*:\([^@]*\)@.*|\1|p' "$file"; fi
}

# A database whose key ring is gone holds sealed keys that nobody can open again: making a new ring
# would hide the loss until a fetch fails.
check_secrets_were_not_lost() {
  if [[ -f $home/config/database.applied && ! -s $home/secrets/auth/key_encryption_key.json ]]; then
    fail "$home/secrets/auth/key_encryption_key.json is gone, and the stored keys cannot be opened without it; restore secrets/ from a backup, or remove $home/config/database.applied to start with a new one"
  fi
}

write_database_urls() {
  local name password
  for name in "${database_services[@]}"; do
    password=$(password_of "$name")
    if [[ -z $password ]]; then password=$(openssl rand -hex 24); fi
    mkdir -p "$home/secrets/$name"
    printf '%s\n' "$(database_url "$name:$password" "$database_name")" |
      write_if_changed "$home/secrets/$name/database_url" 0400 || true
  done
}

admin_psql() {
  local options=""
  # A failing statement could hold a password: the server's log shall not repeat it.
  if uses_private_cluster; then options="-c log_min_error_statement=panic"; fi
  PGPASSFILE=$home/secrets/database_admin PGCONNECT_TIMEOUT=5 PGOPTIONS=$options \
    "$postgres_programs/psql" -X -q -v ON_ERROR_STOP=1 -v VERBOSITY=terse "$(database_url "$database_admin" postgres)" "$@"
}

# can_log_in SERVICE: with its own password, which reaches psql by a file and not by an argument.
can_log_in() {
  local passwords=$home/run/passwords code=0
  (
    umask 177
    printf '*:*:*:*:%s\n' "$(password_of "$1")" >"$passwords"
  )
  PGPASSFILE=$passwords PGCONNECT_TIMEOUT=5 "$postgres_programs/psql" -X -q -A -t -w \
    -c 'SELECT 1' "$(database_url "$1" "$database_name")" >/dev/null 2>&1 || code=$?
  rm -f "$passwords"
  return "$code"
}

database_is_set_up() {
  local name
  [[ $(cat "$home/config/database.applied" 2>/dev/null) == "$(database_stamp)" ]] || return 1
  for name in "${database_services[@]}"; do
    can_log_in "$name" || return 1
  done
}

database_stamp() { sha256sum <"$home/lib/database.sql"; }

# The passwords reach psql on its standard input: its arguments can be read by every user.
database_script() {
  local name
  printf "\\\\set database '%s'\n" "$database_name"
  for name in "${database_services[@]}"; do
    printf "\\\\set %s_password '%s'\n" "$name" "$(password_of "$name")"
  done
  cat "$home/lib/database.sql"
}

set_up_database() {
  local name
  if database_is_set_up; then return 0; fi
  note "making the database $database_name, its roles and schemas"
  database_script | admin_psql -f - >"$home/log/database.log" 2>&1 ||
    fail "psql could not set up the database" "$home/log/database.log"
  for name in "${database_services[@]}"; do
    can_log_in "$name" || fail "the role $name cannot log in to the database $database_name"
  done
  database_stamp | write_if_changed "$home/config/database.applied" 0600 || true
}
