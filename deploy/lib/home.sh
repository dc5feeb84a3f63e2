# shellcheck shell=bash
# PLAYLOG_HOME and the user that owns what is in it.
#
# The home itself, bin/ and lib/ belong to whoever runs deploy/up, so that a service that was broken
# into cannot replace its own program when root runs it; all else belongs to the home's user.

readonly owned_folders=(config log run secrets sv tls)

# The user that everything runs as: the caller, or, when that is root, a system user of the home's
# own (PostgreSQL refuses root).
owner_name() {
  if ! is_root; then
    id -un
  elif [[ $PLAYLOG_HOME == /var/lib/playlog ]]; then
    echo playlog
  else
    printf 'playlog-%.8s\n' "$(printf '%s' "$PLAYLOG_HOME" | sha256sum)"
  fi
}

make_owner() {
  if is_root && ! id -u "$owner" >/dev/null 2>&1; then
    note "making the system user $owner"
    useradd --system --user-group --no-create-home --home-dir "$PLAYLOG_HOME" \
      --shell /usr/sbin/nologin "$owner" || fail "useradd could not make the user $owner"
  fi
}

# as_owner COMMAND...: with a clean environment, so that no secret of the caller's is inherited.
as_owner() {
  local clean=(env -i "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    "HOME=$PLAYLOG_HOME" LANG=C.UTF-8 TZ=UTC "PLAYLOG_HOME=$PLAYLOG_HOME"
    "PLAYLOG_HTTP_PORT=$PLAYLOG_HTTP_PORT" "PLAYLOG_PUBLIC_URL=$PLAYLOG_PUBLIC_URL"
    "SPOTIFY_API_URL=$SPOTIFY_API_URL" "SPOTIFY_ACCOUNTS_URL=$SPOTIFY_ACCOUNTS_URL"
    "LASTFM_API_URL=$LASTFM_API_URL" "SPOTIFY_CLIENT_ID=${SPOTIFY_CLIENT_ID:-}"
    "SPOTIFY_BUDGETS=${SPOTIFY_BUDGETS:-}" "LASTFM_BUDGETS=${LASTFM_BUDGETS:-}"
    "PLAYLOG_UPSTREAM_CRL_FILE=${PLAYLOG_UPSTREAM_CRL_FILE:-}")
  if is_root; then
    runuser -u "$owner" -- "${clean[@]}" "$@"
  else
    "${clean[@]}" "$@"
  fi
}

# The first parent folder of the home that its user may not enter.
closed_parent() {
  local folder=$PLAYLOG_HOME closed=""
  while [[ $folder != / ]]; do
    if ! as_owner test -x "$folder"; then closed=$folder; fi
    folder=$(dirname "$folder")
  done
  echo "$closed"
}

check_home_is_reachable() {
  local closed
  if as_owner test -x "$PLAYLOG_HOME"; then return 0; fi
  closed=$(closed_parent)
  fail "the user $owner cannot enter $closed ($(stat -c 'mode %a, owner %U' "$closed")), so it cannot work in PLAYLOG_HOME=$PLAYLOG_HOME; choose a home that other users can reach, such as /var/lib/playlog"
}

check_home_belongs_to_owner() {
  local found
  if [[ ! -d $PLAYLOG_HOME/run ]]; then return 0; fi
  found=$(stat -c %U "$PLAYLOG_HOME/run")
  if [[ $found != "$owner" ]]; then
    fail "PLAYLOG_HOME=$PLAYLOG_HOME belongs to the user $found, and this command would use it as $owner; run it as the one who made it, or choose another PLAYLOG_HOME"
  fi
}

prepare_home() {
  step "home: $PLAYLOG_HOME"
  owner=$(owner_name)
  check_home_belongs_to_owner
  make_owner
  local group folder
  group=$(id -gn "$owner")
  if [[ ! -d $PLAYLOG_HOME ]]; then mkdir -p -- "$PLAYLOG_HOME"; fi
  chgrp -- "$group" "$PLAYLOG_HOME"
  chmod 0750 "$PLAYLOG_HOME"
  mkdir -p "$PLAYLOG_HOME/bin" "$PLAYLOG_HOME/lib"
  check_home_is_reachable
  for folder in "${owned_folders[@]}"; do
    if [[ ! -d $PLAYLOG_HOME/$folder ]]; then
      install -d -m 0700 -o "$owner" -g "$group" "$PLAYLOG_HOME/$folder"
    fi
  done
  # PostgreSQL wants a data folder of its own user's, inside one that this user may write.
  if [[ ! -d $PLAYLOG_HOME/postgres ]]; then
    install -d -m 0700 -o "$owner" -g "$group" "$PLAYLOG_HOME/postgres"
  fi
}

# install_if_changed SOURCE TARGET MODE: succeeds if it replaced something. Size and time tell; the
# new file takes the old one's place in one step, so that a running program keeps its own.
install_if_changed() {
  local source=$1 target=$2 mode=$3
  if [[ -f $target && $(stat -c '%s %.Y' "$source") == "$(stat -c '%s %.Y' "$target")" ]]; then
    return 1
  fi
  cp --preserve=timestamps -- "$source" "$target.fresh"
  chmod "$mode" "$target.fresh"
  mv -f -- "$target.fresh" "$target"
}

# The checkout may be where the home's user cannot read (under /root): what runs later is copied.
install_files() {
  local file changed=0
  compgen -G "$checkout/build/release/stage/bin/*" >/dev/null || fail "the build left no programs"
  for file in "$checkout"/build/release/stage/bin/*; do
    if install_if_changed "$file" "$PLAYLOG_HOME/bin/${file##*/}" 0755; then changed=$((changed + 1)); fi
  done
  for file in "$deploy"/lib/* "$deploy/database.sql"; do
    install_if_changed "$file" "$PLAYLOG_HOME/lib/${file##*/}" 0644 || true
  done
  if (( changed > 0 )); then note "installed $changed programs"; fi
}

# For the commands that work on a home that is already there.
find_home() {
  owner=$(owner_name)
  [[ -f $PLAYLOG_HOME/lib/stack.sh ]] ||
    fail "there is no Playlog in PLAYLOG_HOME=$PLAYLOG_HOME; deploy/up makes one"
  check_home_belongs_to_owner
}

# stack COMMAND [ARG...]: the part that runs as the home's user (deploy/lib/stack.sh).
stack() { (cd / && as_owner bash "$PLAYLOG_HOME/lib/stack.sh" "$@"); }
