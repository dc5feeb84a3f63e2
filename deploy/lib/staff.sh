# shellcheck shell=bash
# deploy/create-staff: users who may see everybody's songs.

# auth_psql: runs standard input as the role auth, whose password reaches psql by a file.
auth_psql() {
  local passwords=$home/run/passwords url code=0
  url=$(sed 's|^\(postgresql://[^:]*\):[^@]*@|\1@|' "$home/secrets/auth/database_url")
  (
    umask 177
    printf '*:*:*:*:%s\n' "$(password_of auth)" >"$passwords"
  )
  PGPASSFILE=$passwords PGCONNECT_TIMEOUT=5 "$postgres_programs/psql" -X -q -A -t -w \
    -v ON_ERROR_STOP=1 -f - "$url" 2>"$home/log/staff.log" || code=$?
  rm -f "$passwords"
  (( code == 0 )) || fail "the database does not take the change" "$home/log/staff.log"
}

# make_staff NAME: succeeds if there is such a user, whatever the case.
make_staff() {
  local found
  found=$(printf "\\\\set name '%s'\n%s\n" "$1" \
    "UPDATE users SET staff = true WHERE lower(username COLLATE \"C\") = lower(:'name' COLLATE \"C\") RETURNING 1;" |
    auth_psql)
  [[ $found == 1 ]]
}

# register_user NAME PASSWORD
register_user() {
  local credentials
  credentials=$(printf '%s' "$2" | jq -R --slurp --arg name "$1" '{username: $name, password: .}')
  : >"$home/run/demo.header"
  expect "201 409" POST /users/register/ "$credentials"
  rm -f "$home/run/demo.header" "$home/run/answer"
}

# command_create_staff NAME: an empty first line of standard input asks for a password to be made.
command_create_staff() {
  local name=$1 password made=""
  IFS= read -r password
  step "staff"
  # The rule of registration. What keeps to it can stand in SQL between quotes.
  [[ $name =~ ^[A-Za-z0-9@.+_-]{1,150}$ ]] ||
    fail "a name is 1 to 150 ASCII letters, digits and @ . + - _"
  lock_home
  PLAYLOG_HTTP_PORT=$(cat "$home/config/http_port" 2>/dev/null) ||
    fail "nothing has been started in $home; deploy/up does"
  if make_staff "$name"; then
    note "$name is staff now; the password is as it was"
    return 0
  fi
  if [[ -z $password ]]; then
    password=$(random_hex 12)
    made=yes
  fi
  register_user "$name" "$password"
  make_staff "$name" || fail "the user $name was registered and is not there"
  note "$name was registered and is staff"
  if [[ -n $made ]]; then note "the password, which is kept nowhere: $password"; fi
}
