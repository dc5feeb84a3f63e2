# shellcheck shell=bash
# The variables that the commands take, checked once (deploy/README.md lists them).

# A Unix socket's path is at most 107 bytes long; this is the longest one under a home.
readonly longest_socket=run/spotify_ingest.sock

read_settings() {
  local default_home=/var/lib/playlog
  if ! is_root; then default_home=${HOME:?}/.local/state/playlog; fi
  PLAYLOG_HOME=$(realpath -m -- "${PLAYLOG_HOME:-$default_home}")
  PLAYLOG_HTTP_PORT=${PLAYLOG_HTTP_PORT:-8000}
  check_home_path
  check_http_port
  PLAYLOG_PUBLIC_URL=${PLAYLOG_PUBLIC_URL:-http://127.0.0.1:$PLAYLOG_HTTP_PORT}
  SPOTIFY_API_URL=${SPOTIFY_API_URL:-https://api.spotify.com}
  SPOTIFY_ACCOUNTS_URL=${SPOTIFY_ACCOUNTS_URL:-https://accounts.spotify.com}
  LASTFM_API_URL=${LASTFM_API_URL:-https://ws.audioscrobbler.com}
  SPOTIFY_CLIENT_ID=${SPOTIFY_CLIENT_ID:-}
  SPOTIFY_BUDGETS=${SPOTIFY_BUDGETS:-}
  LASTFM_BUDGETS=${LASTFM_BUDGETS:-}
  PLAYLOG_UPSTREAM_CRL_FILE=${PLAYLOG_UPSTREAM_CRL_FILE:-}
  # Kept in this shell alone; the programs that it starts find them in no environment.
  database_url=${PLAYLOG_DATABASE_URL:-}
  spotify_client_secret=${SPOTIFY_CLIENT_SECRET:-}
  unset PLAYLOG_DATABASE_URL SPOTIFY_CLIENT_SECRET
  check_spotify_client
  check_crl_file
}

# The services check what is in it.
check_crl_file() {
  if [[ -n $PLAYLOG_UPSTREAM_CRL_FILE && $PLAYLOG_UPSTREAM_CRL_FILE != /* ]]; then
    fail "PLAYLOG_UPSTREAM_CRL_FILE='$PLAYLOG_UPSTREAM_CRL_FILE' does not begin with a slash"
  fi
}

check_spotify_client() {
  if [[ ! $SPOTIFY_CLIENT_ID =~ ^[A-Za-z0-9._~-]*$ ]]; then
    fail "SPOTIFY_CLIENT_ID is not a client id: letters, digits and ._~- only"
  fi
  if [[ ! $spotify_client_secret =~ ^[A-Za-z0-9._~-]*$ ]]; then
    fail "SPOTIFY_CLIENT_SECRET is not a client secret: letters, digits and ._~- only"
  fi
  if [[ -n $SPOTIFY_CLIENT_ID && -z $spotify_client_secret ]] ||
    [[ -z $SPOTIFY_CLIENT_ID && -n $spotify_client_secret ]]; then
    fail "only one of SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET is set; set both, or neither"
  fi
}

check_home_path() {
  local longest=$PLAYLOG_HOME/$longest_socket
  if [[ ! $PLAYLOG_HOME =~ ^/[A-Za-z0-9._/@+=-]+$ ]]; then
    fail "PLAYLOG_HOME='$PLAYLOG_HOME' has a character that the address of a socket cannot hold; use letters, digits and ._-+=@ only"
  fi
  if (( $(printf '%s' "$longest" | wc -c) > 107 )); then
    fail "PLAYLOG_HOME='$PLAYLOG_HOME' is too long: the path of a Unix socket has at most 107 bytes, which leaves $((107 - ${#longest_socket} - 1)) for the home"
  fi
}

# Known before a build of minutes begins; the home checks once more, when it knows its own gateway.
check_http_port_is_free_or_ours() {
  if port_is_taken "$PLAYLOG_HTTP_PORT" &&
    [[ $(cat "$PLAYLOG_HOME/config/http_port" 2>/dev/null) != "$PLAYLOG_HTTP_PORT" ]]; then
    fail_for_taken_port
  fi
}

fail_for_taken_port() {
  fail "the port $PLAYLOG_HTTP_PORT is taken by another program; end that one, or choose another port with PLAYLOG_HTTP_PORT"
}

check_http_port() {
  if [[ ! $PLAYLOG_HTTP_PORT =~ ^[1-9][0-9]{0,4}$ ]] || (( PLAYLOG_HTTP_PORT > 65535 )); then
    fail "PLAYLOG_HTTP_PORT='$PLAYLOG_HTTP_PORT' is not a port (1 to 65535)"
  fi
}
