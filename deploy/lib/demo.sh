# shellcheck shell=bash
# deploy/up --demo: a user with both keys, whose songs come from the stand-ins.

# call METHOD PATH [JSON]: the answer's body on standard output, its status in $home/run/status. The
# token and the body reach curl by files: its arguments can be read by every user of the machine.
call() {
  local method=$1 path=$2 body=${3:-} arguments=()
  if [[ -s $home/run/demo.header ]]; then arguments+=(-H "@$home/run/demo.header"); fi
  if [[ -n $body ]]; then arguments+=(-H 'Content-Type: application/json' --data-binary @-); fi
  printf '%s' "$body" | curl -sS --max-time 40 -X "$method" "${arguments[@]}" \
    -o "$home/run/answer" -w '%{http_code}' "http://127.0.0.1:$PLAYLOG_HTTP_PORT$path" \
    >"$home/run/status" 2>"$home/run/curl.log" || fail "$method $path: $(<"$home/run/curl.log")"
}

# call_patiently METHOD PATH [JSON]: asks again, up to ten times, where the answer is "not now".
call_patiently() {
  local tries=10
  call "$@"
  while [[ $(<"$home/run/status") == 503 ]] && (( --tries > 0 )); do
    sleep 1
    call "$@"
  done
}

# expect STATUSES METHOD PATH [JSON]
expect() {
  local statuses=$1
  shift
  call_patiently "$@"
  [[ " $statuses " == *" $(<"$home/run/status") "* ]] ||
    fail "$1 $2 answered $(<"$home/run/status"): $(head -c 400 "$home/run/answer")"
}

# In a demo the stand-in plays Spotify's accounts too, and takes any client.
use_demo_client() {
  SPOTIFY_CLIENT_ID=playlog-demo
  spotify_client_secret=demo
}

demo_credentials() { jq -n --rawfile password "$home/secrets/demo_password" \
  '{username: "demo", password: ($password | rtrimstr("\n"))}'; }

sign_demo_user_in() {
  : >"$home/run/demo.header"
  expect "201 409" POST /users/register/ "$(demo_credentials)"
  call_patiently POST /users/token/ "$(demo_credentials)"
  [[ $(<"$home/run/status") != 401 ]] ||
    fail "the user demo has another password than $home/secrets/demo_password says; put the right one into that file"
  [[ $(<"$home/run/status") == 200 ]] ||
    fail "signing in as demo answered $(<"$home/run/status"): $(head -c 400 "$home/run/answer")"
  jq -r '"Authorization: Bearer " + .access' "$home/run/answer" >"$home/run/demo.header"
}

fetch_demo_songs() {
  expect "200 201" POST /users/api-keys/ \
    '{"service_name": "spotify", "api_key": "demo-spotify-token"}'
  expect "200 201" POST /users/api-keys/ \
    '{"service_name": "lastfm", "api_key": "demo-lastfm-key", "service_user_id": "demo"}'
  expect 200 GET /music/fetch-recently-played/
  note "Spotify: $(jq '.data | length' "$home/run/answer") songs fetched"
  expect 200 GET "/music/fetch-lastfm-recent/?limit=50"
  note "Last.fm: $(jq '.data | length' "$home/run/answer") songs fetched"
}

# show_demo_songs: the newest ones, in columns that a title of any script keeps apart.
show_demo_songs() {
  expect 200 GET "/music/get-stored-songs/?limit=10"
  printf '\n    %-20s  %-8s  %-28s  %s\n' "played at" source artist title
  jq -r '.results[] | "\(.played_at[0:19] | sub("T"; " "))  \((.source + "        ")[0:8])  " +
    "\((.artist + " " * 28)[0:28])  \(.title[0:40])"' "$home/run/answer" | sed 's/^/    /'
}

show_demo_commands() {
  local address=http://127.0.0.1:$PLAYLOG_HTTP_PORT
  cat <<EOF

The user is "demo", the password "$(<"$home/secrets/demo_password")". To try:

TOKEN=\$(curl -s $address/users/token/ -H 'Content-Type: application/json' -d '{"username": "demo", "password": "$(<"$home/secrets/demo_password")"}' | jq -r .access)
curl -H "Authorization: Bearer \$TOKEN" "$address/music/fetch-recently-played/"
curl -H "Authorization: Bearer \$TOKEN" "$address/music/fetch-lastfm-recent/?limit=100"
curl -H "Authorization: Bearer \$TOKEN" "$address/music/get-stored-songs/"
curl -H "Authorization: Bearer \$TOKEN" "$address/music/get-stored-songs/?source=lastfm"

What is fetched by itself, the whole past of Last.fm, and how sure we are to have every play:

curl -H "Authorization: Bearer \$TOKEN" "$address/music/sync/"
curl -H "Authorization: Bearer \$TOKEN" "$address/music/backfill/lastfm/" -H 'Content-Type: application/json' -d '{}'
curl -H "Authorization: Bearer \$TOKEN" "$address/music/jobs/"
curl -H "Authorization: Bearer \$TOKEN" "$address/music/coverage/"

To sign in at the stand-in for Spotify, in place of the token that was stored:

curl -c cookies -H "Authorization: Bearer \$TOKEN" "$address/users/spotify/connect/" | jq -r .authorize_url | xargs curl -L -b cookies
EOF
}

# A user who is staff. One that was there keeps its password, which is what the file says.
make_demo_staff() {
  keep_secret "$home/secrets/demo_staff_password" random_hex 12
  register_user staff "$(<"$home/secrets/demo_staff_password")"
  make_staff staff || fail "the user staff was registered and is not there"
}

show_demo_staff() {
  cat <<EOF

Everybody's songs, for staff: http://127.0.0.1:$PLAYLOG_HTTP_PORT/admin/
The user is "staff", the password "$(<"$home/secrets/demo_staff_password")".
EOF
}

run_demo() {
  step "demo"
  keep_secret "$home/secrets/demo_password" random_hex 12
  sign_demo_user_in
  fetch_demo_songs
  show_demo_songs
  rm -f "$home/run/demo.header" "$home/run/answer"
  make_demo_staff
  show_demo_commands
  show_demo_staff
}
