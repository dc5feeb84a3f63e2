# shellcheck shell=bash
# stack.sh up [--demo] | down | status | rotate_keys tls|jwt|kek | create_staff NAME
# The part of deploy/ that runs as the home's user, from its copy in the home. Not called by hand.
home=${PLAYLOG_HOME:?}
library=$home/lib
# shellcheck source=deploy/lib/common.sh
source "$library/common.sh"
# shellcheck source=deploy/lib/settings.sh
source "$library/settings.sh"
# shellcheck source=deploy/lib/certificates.sh
source "$library/certificates.sh"
# shellcheck source=deploy/lib/secrets.sh
source "$library/secrets.sh"
# shellcheck source=deploy/lib/postgres.sh
source "$library/postgres.sh"
# shellcheck source=deploy/lib/supervisor.sh
source "$library/supervisor.sh"
# shellcheck source=deploy/lib/services.sh
source "$library/services.sh"
# shellcheck source=deploy/lib/rotation.sh
source "$library/rotation.sh"
# shellcheck source=deploy/lib/demo.sh
source "$library/demo.sh"
# shellcheck source=deploy/lib/staff.sh
source "$library/staff.sh"
fail_on_unforeseen_errors
umask 077

# One command at a time works on a home.
lock_home() {
  exec 9>"$home/run/lock"
  flock -n 9 && return 0
  note "waiting for another deploy command on $home"
  flock -w 600 9 || fail "another deploy command still works on $home"
}

start_database() {
  step "database"
  choose_database "$1"
  check_secrets_were_not_lost
  if uses_private_cluster; then
    make_cluster
    write_postgres_service
  fi
  write_database_urls
}

run_database() {
  step "database: start"
  if uses_private_cluster; then
    start_service postgres
    wait_until 60 private_cluster_answers ||
      fail "PostgreSQL does not answer within 60 s" "$home/log/postgres/current"
  elif [[ -d $(service_folder postgres) ]]; then
    keep_down postgres
  fi
  set_up_database
}

start_services() {
  local name
  step "services"
  if [[ -n $demo ]]; then
    start_service standins
  elif [[ -d $(service_folder standins) ]]; then
    keep_down standins
  fi
  for name in "${playlog_services[@]}"; do start_service "$name"; done
  step "waiting until Playlog is ready"
  wait_until_ready
}

command_up() {
  local url spotify_client_secret
  demo=""
  if [[ ${1:-} == --demo ]]; then demo=yes; fi
  IFS= read -r url
  IFS= read -r spotify_client_secret
  lock_home
  start_database "$url"
  step "keys and certificates"
  make_secrets "$home/secrets"
  if [[ -n $demo ]]; then use_demo_client; fi
  write_spotify_client_secret "$home/secrets" "$spotify_client_secret"
  make_certificates "$home/tls"
  check_http_port_is_free
  write_services
  printf '%s\n' "$PLAYLOG_HTTP_PORT" | write_if_changed "$home/config/http_port" 0600 || true
  start_supervisor
  run_database
  start_services
  if [[ -n $demo ]]; then run_demo; fi
  printf '\nPlaylog is ready: %s\n' "$PLAYLOG_PUBLIC_URL"
}

# From the outside in: who calls stops before who is called.
command_down() {
  lock_home
  step "stopping"
  stop_service gateway
  stop_service spotify_ingest lastfm_ingest
  stop_service auth song_store standins
  stop_service postgres
  stop_supervisor
  note "stopped; the data is kept in $home"
}

command_status() {
  local folder port
  step "status of $home"
  if ! supervisor_runs; then
    note "nothing runs"
    return 0
  fi
  for folder in "$home"/sv/*/; do
    note "$(sv status "$folder" | sed -e "s|$home/sv/||" -e 's|/: |: |' -e 's|; run: log.*||')"
  done
  port=$(cat "$home/config/http_port")
  PLAYLOG_HTTP_PORT=$port
  if gateway_is_ready; then
    note "ready: http://127.0.0.1:$port"
  else
    note "not ready: $(head -c 600 "$home/run/readyz" 2>/dev/null)"
  fi
}

command_rotate_keys() {
  lock_home
  "rotate_$1" "${@:2}"
}

case ${1:-} in
  up | down | status | rotate_keys | create_staff) "command_$1" "${@:2}" ;;
  *) fail "usage: stack.sh up [--demo] | down | status | rotate_keys tls|jwt|kek | create_staff NAME" ;;
esac
