# shellcheck shell=bash
# Secrets are files of mode 0400, each in the folder of its only reader. A secret that is there is
# never changed: what it protects would be lost.

# keep_secret FILE COMMAND...: makes the file from the command's output unless it exists.
keep_secret() {
  local file=$1 fresh
  shift
  if [[ -s $file ]]; then return 0; fi
  mkdir -p "$(dirname "$file")"
  fresh=$(mktemp "$file.XXXXXX")
  "$@" >"$fresh" || fail "could not make the secret $file"
  chmod 0400 "$fresh"
  mv -f -- "$fresh" "$file"
}

key_encryption_ring() { printf '{"primary":1,"keys":[{"id":1,"key":"%s"}]}\n' "$(openssl rand -base64 32)"; }

token_signing_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256; }

random_hex() { openssl rand -hex "$1"; }

# write_spotify_client_secret FOLDER SECRET: what the variable says now. A registration that is gone
# leaves no secret behind.
write_spotify_client_secret() {
  local file=$1/spotify_ingest/client_secret
  if [[ -z $2 ]]; then
    rm -f -- "$file"
    return 0
  fi
  mkdir -p "$1/spotify_ingest"
  printf '%s\n' "$2" | write_if_changed "$file" 0400 || true
}

# make_secrets FOLDER: the keys that no database knows.
make_secrets() {
  keep_secret "$1/auth/key_encryption_key.json" key_encryption_ring
  keep_secret "$1/auth/token_key.pem" token_signing_key
  keep_secret "$1/song_store/cursor_key" random_hex 32
}
