#!/usr/bin/env bash
# setup.sh keys | database
# The one-shot parts of docker-compose.yml. `keys` makes the secrets and certificates that are
# missing, each in the volume of its reader; `database` makes the roles and schemas. Both may run at
# every start: they change nothing that is fine.
library=$(dirname "${BASH_SOURCE[0]}")/lib
# shellcheck source=deploy/lib/common.sh
source "$library/common.sh"
# shellcheck source=deploy/lib/certificates.sh
source "$library/certificates.sh"
# shellcheck source=deploy/lib/secrets.sh
source "$library/secrets.sh"
fail_on_unforeseen_errors
umask 077
root=${PLAYLOG_SETUP_ROOT:-/setup}
spotify_client_secret=${SPOTIFY_CLIENT_SECRET:-}
unset SPOTIFY_CLIENT_SECRET
readonly database_services=(auth spotify_ingest lastfm_ingest song_store)

service_database_url() {
  printf 'postgresql://%s:%s@postgres:5432/playlog\n' "$1" "$(openssl rand -hex 24)"
}

command_keys() {
  local name
  step "keys and certificates"
  make_secrets "$root/secrets"
  write_spotify_client_secret "$root/secrets" "$spotify_client_secret"
  for name in "${database_services[@]}"; do
    keep_secret "$root/secrets/$name/database_url" service_database_url "$name"
  done
  keep_secret "$root/secrets/postgres/password" random_hex 24
  # PostgreSQL's container runs as its own user and reads this one file by its group.
  chmod 0440 "$root/secrets/postgres/password"
  make_certificates "$root/tls"
}

# The passwords reach psql on its standard input and in a file, never as an argument.
database_script() {
  local name
  printf "\\\\set database 'playlog'\n"
  for name in "${database_services[@]}"; do
    printf "\\\\set %s_password '%s'\n" "$name" \
      "$(sed -n 's|^postgresql://[^:]*:\([^@]*\)@.*|\1|p' "$root/secrets/$name/database_url")"
  done
  cat "$library/database.sql"
}

command_database() {
  local passwords
  step "database, roles and schemas"
  passwords=$(mktemp)
  printf '*:*:*:*:%s\n' "$(<"$root/secrets/postgres/password")" >"$passwords"
  database_script | PGPASSFILE=$passwords PGCONNECT_TIMEOUT=10 psql -X -q -v ON_ERROR_STOP=1 \
    -v VERBOSITY=terse -f - "postgresql://postgres@${PLAYLOG_SETUP_POSTGRES:-postgres:5432}/postgres" ||
    fail "psql could not set up the database"
  rm -f "$passwords"
}

case ${1:-} in
  keys | database) "command_$1" ;;
  *) fail "usage: setup.sh keys | database" ;;
esac
