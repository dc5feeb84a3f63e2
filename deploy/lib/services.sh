# shellcheck shell=bash
# The processes of a home: what each is started with. Runs as the home's user.

readonly playlog_services=(song_store auth spotify_ingest lastfm_ingest gateway)

# port_for NAME: a port that was free when the home first needed it, and is remembered. It changes
# only if another program has it when its own is not running.
port_for() {
  local name=$1 service=$2 file=$home/config/ports port
  port=$(sed -n "s/^$name=//p" "$file" 2>/dev/null || true)
  if [[ -n $port ]] && { is_running "$service" || ! port_is_taken "$port"; }; then
    echo "$port"
    return 0
  fi
  port=$(free_port)
  { grep -v "^$name=" "$file" 2>/dev/null || true; printf '%s=%s\n' "$name" "$port"; } |
    write_if_changed "$file" 0600 || true
  echo "$port"
}

# Homes begin their search at different places, so that two of them seldom meet at one port.
free_port() {
  local port
  port=$((20000 + 0x$(printf '%s' "$home" | sha256sum | cut -c1-6) % 10000))
  while port_is_taken "$port" || grep -q "=$port\$" "$home/config/ports" 2>/dev/null; do
    port=$((port + 1))
    if (( port > 32000 )); then fail "found no free port between 20000 and 32000"; fi
  done
  echo "$port"
}

socket_of() { printf 'unix:%s/run/%s.sock' "$home" "$1"; }

# write_playlog_service NAME FLAG...: with the flags that all of them have.
write_playlog_service() {
  local name=$1 program
  shift
  program=$home/bin/playlog-${name//_/-}
  [[ -x $program ]] || fail "the build left no ${program##*/}"
  write_service "$name" "$program" "--tls_directory=$home/tls/$name/current" \
    "--metrics_address=127.0.0.1:$(port_for "${name}_metrics" "$name")" "$@"
}

# write_rpc_service NAME FLAG...: one that serves gRPC and has a schema. A demo can be explored: it
# answers reflection.
write_rpc_service() {
  local name=$1
  shift
  if [[ -n $demo ]]; then set -- --reflection "$@"; fi
  write_playlog_service "$name" "--listen_address=$(socket_of "$name")" \
    "--database_url_file=$home/secrets/$name/database_url" "$@"
}

write_services() {
  local spotify=$SPOTIFY_API_URL accounts=$SPOTIFY_ACCOUNTS_URL lastfm=$LASTFM_API_URL standins
  local registration=() revocations=() art=()
  if [[ -n $PLAYLOG_UPSTREAM_CRL_FILE ]]; then
    revocations=(--upstream_crl_file="$PLAYLOG_UPSTREAM_CRL_FILE")
  fi
  if [[ -n $SPOTIFY_CLIENT_ID ]]; then
    registration=(--spotify_client_id="$SPOTIFY_CLIENT_ID" --public_url="$PLAYLOG_PUBLIC_URL"
      --spotify_client_secret_file="$home/secrets/spotify_ingest/client_secret")
  fi
  if [[ -x $home/bin/playlog-standins ]]; then
    standins=127.0.0.1:$(port_for standins standins)
    write_service standins "$home/bin/playlog-standins" "--address=$standins" --draw_art
  fi
  if [[ -n $demo ]]; then
    [[ -x $home/bin/playlog-standins ]] || fail "the build left no playlog-standins"
    spotify=http://$standins/spotify
    accounts=http://$standins/spotify-accounts
    lastfm=http://$standins/lastfm
    art=(--art_origins="http://$standins")
  fi
  write_rpc_service auth --spotify_ingest_address="$(socket_of spotify_ingest)" \
    --lastfm_ingest_address="$(socket_of lastfm_ingest)" \
    --song_store_address="$(socket_of song_store)" \
    --key_encryption_key_file="$home/secrets/auth/key_encryption_key.json" \
    --token_key_file="$home/secrets/auth/token_key.pem"
  write_rpc_service song_store --auth_address="$(socket_of auth)" \
    --cursor_key_file="$home/secrets/song_store/cursor_key"
  write_rpc_service spotify_ingest --auth_address="$(socket_of auth)" \
    --song_store_address="$(socket_of song_store)" \
    --spotify_api_url="$spotify" --spotify_accounts_url="$accounts" \
    --budgets="$SPOTIFY_BUDGETS" "${registration[@]}" "${revocations[@]}"
  write_rpc_service lastfm_ingest --auth_address="$(socket_of auth)" \
    --song_store_address="$(socket_of song_store)" --lastfm_api_url="$lastfm" \
    --budgets="$LASTFM_BUDGETS" "${revocations[@]}"
  write_playlog_service gateway --http_address="127.0.0.1:$PLAYLOG_HTTP_PORT" \
    --port_file="$home/run/gateway.port" --public_url="$PLAYLOG_PUBLIC_URL" \
    --neighbours="$(neighbours_of_gateway)" "${art[@]}"
}

neighbours_of_gateway() {
  local name list=
  for name in auth song_store spotify_ingest lastfm_ingest; do
    list+=,$name=$(socket_of "$name")
  done
  echo "${list#,}"
}

write_postgres_service() {
  write_service postgres "$postgres_programs/postgres" -D "$home/postgres/data"
  stop_by_interrupt postgres
}

gateway_has_port() {
  is_running gateway && grep -qF -- "--http_address=127.0.0.1:$1 " "$(service_folder gateway)/run"
}

# Before the gateway's flags change: afterwards they no longer tell which port it has.
check_http_port_is_free() {
  if port_is_taken "$PLAYLOG_HTTP_PORT" && ! gateway_has_port "$PLAYLOG_HTTP_PORT"; then
    fail_for_taken_port
  fi
}

gateway_is_ready() {
  [[ $(curl -s -o "$home/run/readyz" -w '%{http_code}' --max-time 2 \
    "http://127.0.0.1:$PLAYLOG_HTTP_PORT/readyz") == 200 ]]
}

any_is_refused() {
  local name
  for name in "${playlog_services[@]}"; do
    if is_refused "$name"; then return 0; fi
  done
  return 1
}

ready_or_refused() { gateway_is_ready || any_is_refused; }

wait_until_ready() {
  local name
  wait_until 60 ready_or_refused || true
  for name in "${playlog_services[@]}"; do
    if is_refused "$name"; then
      fail "$name refuses its configuration: $(tail -n 1 "$home/log/$name/current")" \
        "$home/log/$name/current"
    fi
  done
  gateway_is_ready || explain_unready
}

# Runs, and has for ten seconds: one that flaps is started anew every second.
is_steady() {
  local seconds
  seconds=$(service_status "$1" | sed -n 's/^run: .*(pid [0-9]*) \([0-9]*\)s[,;].*/\1/p')
  (( ${seconds:-0} >= 10 ))
}

# Names the service that does not stay up; if all do, /readyz says what they wait for.
explain_unready() {
  local name
  for name in "${playlog_services[@]}"; do
    if ! is_steady "$name"; then
      fail "$name does not stay up" "$home/log/$name/current"
    fi
  done
  fail "not ready within 60 s; /readyz says: $(head -c 600 "$home/run/readyz" 2>/dev/null)" \
    "$home/log/gateway/current"
}
