# shellcheck shell=bash
# deploy/rotate-keys. Each step replaces one file as a whole and waits until the running processes
# show that they have taken it; what a step needs to know of the one before is in the files. Runs as
# the home's user.

# From when a key of access tokens is published until every service is sure to know it
# (kPublishBeforeSigning in services/auth/tokens.h, and some seconds), and from when another signs
# until its last token has ended (kAccessTokenLifetime, and some seconds).
readonly published_after_s=65 retired_after_s=930
readonly token_key_file=$home/secrets/auth/token_key.pem
readonly rotation_file=$home/config/token_key_rotation
readonly ring_file=$home/secrets/auth/key_encryption_key.json

# replace_secret FILE TEXT: the text becomes the file, with mode 0400, in one step that survives a
# crash of the machine. (A function's arguments are in no process's command line.)
replace_secret() {
  local file=$1 fresh
  [[ -n $2 ]] || fail "the new contents of $file are empty"
  # What an interrupted run has left; the lock of the home keeps others out.
  rm -f -- "$file".??????
  fresh=$(mktemp "$file.XXXXXX")
  printf '%s\n' "$2" >"$fresh"
  chmod 0400 "$fresh"
  sync -- "$fresh"
  mv -f -- "$fresh" "$file"
  sync -- "$(dirname "$file")"
}

# auth_metric NAME: the value of a metric of the running auth, given with its labels.
auth_metric() {
  local port
  port=$(sed -n 's/^auth_metrics=//p' "$home/config/ports")
  curl -s --max-time 2 "http://127.0.0.1:$port/metrics" |
    name="$1 " awk 'index($0, ENVIRON["name"]) == 1 { print $NF }'
}

auth_metric_is() { [[ $(auth_metric "$1") == "$2" ]]; }

require_auth() {
  is_running auth || fail "auth does not run, and no step can be seen to take effect; deploy/up starts it"
}

clock() { date -u -d "@$1" '+%H:%M:%S UTC'; }

rotate_tls() {
  local name
  step "certificates"
  make_authority "$home/tls"
  for name in "${certificate_names[@]}"; do
    make_certificate "$home/tls" "$name"
    note "$name: valid until $(openssl x509 -in "$home/tls/$name/current/cert.pem" -noout -enddate |
      sed 's/^notAfter=//')"
  done
  note "the processes take them up within seconds; open connections go on with the old ones"
}

# The file holds one key or more; the first one signs. services/auth/tokens.h tells the rules.
token_keys() { grep -c '^-----BEGIN' "$token_key_file"; }

# token_key NUMBER: the PEM text of one of the keys.
token_key() { awk -v wanted="$1" '/^-----BEGIN/ { number++ } number == wanted' "$token_key_file"; }

# What the key on standard input is called in tokens.
kid() {
  openssl pkey -pubout -outform DER | tail -c 65 | openssl dgst -sha256 -binary |
    basenc --base64url | head -c 16
}

# The rotation under way: the kid of the new key, and since when it is listed and signs.
rotation_value() { sed -n "s/^$1=//p" "$rotation_file" 2>/dev/null || true; }

note_rotation() {
  {
    grep -v "^$1=" "$rotation_file" 2>/dev/null || true
    printf '%s=%s\n' "$1" "$2"
  } | write_if_changed "$rotation_file" 0600 || true
}

publish_token_key() {
  local fresh before
  fresh=$(token_signing_key)
  before=$(<"$token_key_file")
  rm -f "$rotation_file"
  note_rotation kid "$(kid <<<"$fresh")"
  replace_secret "$token_key_file" "$before"$'\n'"$fresh"
  note "1 of 3: the new key $(rotation_value kid) is in $token_key_file, behind the one that signs"
}

# Every service has to know the key before it meets a token of it.
await_published() {
  local new=$1 rest
  wait_until 30 auth_metric_is "playlog_token_key_listed{kid=\"$new\"}" 1 ||
    fail "auth does not publish the key $new" "$home/log/auth/current"
  if [[ -z $(rotation_value listed) ]]; then note_rotation listed "$(date +%s)"; fi
  rest=$(($(rotation_value listed) + published_after_s - $(date +%s)))
  if (( rest > 0 )); then
    note "auth publishes it; waiting $rest s until every service is sure to know it"
    sleep "$rest"
  fi
}

promote_token_key() {
  local new=$1 old_key new_key
  await_published "$new"
  old_key=$(token_key 1)
  new_key=$(token_key 2)
  replace_secret "$token_key_file" "$new_key"$'\n'"$old_key"
  await_signing "$new"
  note "2 of 3: the new key signs; tokens of the one before stay good"
}

await_signing() {
  wait_until 30 auth_metric_is "playlog_token_key_signing{kid=\"$1\"}" 1 ||
    fail "auth does not sign with the key $1" "$home/log/auth/current"
  if [[ -z $(rotation_value signing) ]]; then note_rotation signing "$(date +%s)"; fi
}

tell_retirement() {
  note "3 of 3, after $(clock $(($(rotation_value signing) + retired_after_s))): deploy/rotate-keys jwt --retire"
}

retire_token_key() {
  local old kept
  old=$(token_key 2 | kid)
  kept=$(token_key 1)
  replace_secret "$token_key_file" "$kept"
  wait_until 30 auth_metric_is "playlog_token_key_listed{kid=\"$old\"}" 0 ||
    fail "auth still publishes the key $old" "$home/log/auth/current"
  rm -f "$rotation_file"
  note "3 of 3: the key $old is gone"
}

# With two keys in the file a rotation is under way: the second is the new one, not yet promoted, or
# the old one, not yet retired.
go_on_with_token_key() {
  local first second
  first=$(token_key 1 | kid)
  second=$(token_key 2 | kid)
  if [[ $second == "$(rotation_value kid)" ]]; then
    promote_token_key "$second"
    tell_retirement
    return 0
  fi
  await_signing "$first"
  if (( $(date +%s) >= $(rotation_value signing) + retired_after_s )); then
    retire_token_key
  else
    tell_retirement
    fail "tokens of the key $second may still be good until $(clock $(($(rotation_value signing) + retired_after_s)))"
  fi
}

rotate_jwt() {
  step "the key of access tokens"
  require_auth
  if (( $(token_keys) > 1 )); then
    go_on_with_token_key
  elif [[ ${1:-} == --retire ]]; then
    note "there is one key alone: nothing is to be retired"
  else
    publish_token_key
    promote_token_key "$(rotation_value kid)"
    tell_retirement
  fi
}

# The ring of keys that seal stored keys; services/auth/key_ring.h tells the rules. Ids only grow: of
# two keys the one with the greater id is the newer.
ring_query() { jq -r "$1" "$ring_file"; }

primary_id() { ring_query '.primary'; }

newest_id() { ring_query '[.keys[].id] | max'; }

# The keys that nothing is sealed with any more, or soon.
old_ids() { ring_query '.primary as $primary | .keys[].id | select(. < $primary)'; }

# change_ring FILTER [JQ-ARGUMENT...]: in one step, unless auth refuses it: then it is as before.
change_ring() {
  local filter=$1 before after
  shift
  before=$(<"$ring_file")
  after=$(jq -c "$@" "$filter" "$ring_file")
  replace_secret "$ring_file" "$after"
  sleep 2
  if auth_metric_is playlog_key_ring_refused 1; then
    replace_secret "$ring_file" "$before"
    fail "auth refuses the changed ring, which is as before now" "$home/log/auth/current"
  fi
}

# The key reaches jq by a pipe: its arguments can be read by every user.
add_ring_key() {
  local id
  id=$(($(newest_id) + 1))
  # shellcheck disable=SC2016 # jq's own variables
  change_ring '.keys += [{id: $id, key: ($key | rtrimstr("\n"))}]' --argjson id "$id" \
    --rawfile key <(openssl rand -base64 32)
  note "1 of 3: the new key $id is in the ring"
}

promote_ring_key() {
  local id=$1
  wait_until 30 auth_metric_is "playlog_key_ring_has_key{kek_id=\"$id\"}" 1 ||
    fail "auth has not taken the key $id" "$home/log/auth/current"
  # shellcheck disable=SC2016 # jq's own variable
  change_ring '.primary = $id' --argjson id "$id"
  wait_until 30 auth_metric_is playlog_key_ring_primary "$id" ||
    fail "auth does not seal with the key $id" "$home/log/auth/current"
  note "2 of 3: keys are sealed with the key $id from now on, and stored ones anew"
}

# await_resealed ID: as long as it goes on. What does not open stays, and so does its key.
await_resealed() {
  local left before="" since=$SECONDS metric="playlog_sealed_keys{kek_id=\"$1\"}"
  while left=$(auth_metric "$metric") && [[ $left != 0 ]]; do
    if [[ $left != "$before" ]]; then
      note "${left:-an unknown number of} stored keys to be sealed anew"
      before=$left since=$SECONDS
    elif (( SECONDS - since > 60 )); then
      fail "$left stored keys are still sealed with the key $1, which stays in the ring; the log may say keys_not_resealed" \
        "$home/log/auth/current"
    fi
    sleep 1
  done
}

remove_old_ring_keys() {
  local id ids
  ids=$(old_ids)
  for id in $ids; do await_resealed "$id"; done
  change_ring '.primary as $primary | .keys |= map(select(.id >= $primary))'
  for id in $ids; do
    wait_until 30 auth_metric_is "playlog_key_ring_has_key{kek_id=\"$id\"}" 0 ||
      fail "auth still has the key $id" "$home/log/auth/current"
    note "3 of 3: the key $id is gone; backups of the database from before still need it"
  done
}

rotate_kek() {
  step "the key that seals stored keys"
  require_auth
  if [[ $(newest_id) == "$(primary_id)" && -z $(old_ids) ]]; then add_ring_key; fi
  if [[ $(newest_id) != "$(primary_id)" ]]; then promote_ring_key "$(newest_id)"; fi
  remove_old_ring_keys
}
