# shellcheck shell=bash
# The private CA and the certificates by which the processes know each other: ECDSA P-256, a DNS
# name for the client's check of the server, and a SPIFFE id for the server's check of the client.
#
# <tls>/authority/{ca.pem,ca.key}             the CA; its key is needed only here
# <tls>/<name>/<generation>/{ca,cert,key}.pem one certificate; `current` links to the newest
#
# A rotation writes a new generation and swaps the link: a reader never sees a certificate beside
# the key of another.

readonly certificate_names=(gateway auth spotify_ingest lastfm_ingest song_store operator)
readonly authority_days=3650 certificate_days=397 renew_before_days=30

openssl_quietly() {
  local output
  output=$(openssl "$@" 2>&1) || fail "openssl $1: $output"
}

random_serial() { printf '0x4%s' "$(openssl rand -hex 15)"; }

# make_authority TLS: a self-signed CA, unless there is one. The certificate arrives last: where it
# is, the key is too. (The folder itself may be a mounted volume, so it cannot be renamed as one.)
make_authority() {
  local folder=$1/authority fresh
  if [[ -f $folder/ca.pem ]]; then return 0; fi
  mkdir -p "$folder"
  fresh=$(mktemp -d "$folder/fresh.XXXXXX")
  cat >"$fresh/openssl.cnf" <<EOF
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = Playlog private CA $(openssl rand -hex 4)
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
EOF
  (
    umask 377
    openssl_quietly genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$fresh/ca.key"
  )
  openssl_quietly req -x509 -new -sha256 -days "$authority_days" -set_serial "$(random_serial)" \
    -config "$fresh/openssl.cnf" -key "$fresh/ca.key" -out "$fresh/ca.pem"
  mv -f -- "$fresh/ca.key" "$folder/ca.key"
  mv -f -- "$fresh/ca.pem" "$folder/ca.pem"
  rm -rf -- "$fresh"
}

# certificate_extensions NAME: what a process is called, by DNS and by SPIFFE id.
certificate_extensions() {
  cat <<EOF
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:${1//_/-}, URI:spiffe://playlog/$1
EOF
}

# make_certificate TLS NAME: a new generation, which becomes the current one in one step.
make_certificate() {
  local tls=$1 name=$2 folder fresh generation
  folder=$tls/$name
  mkdir -p "$folder"
  generation=$(date -u +%Y%m%dT%H%M%S.%NZ)
  fresh=$folder/$generation
  mkdir "$fresh"
  (
    umask 377
    openssl_quietly genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$fresh/key.pem"
  )
  openssl_quietly req -new -sha256 -subj "/CN=$name" -key "$fresh/key.pem" -out "$fresh/request"
  certificate_extensions "$name" >"$fresh/extensions"
  openssl_quietly x509 -req -sha256 -days "$certificate_days" -set_serial "$(random_serial)" \
    -in "$fresh/request" -extfile "$fresh/extensions" -CA "$tls/authority/ca.pem" \
    -CAkey "$tls/authority/ca.key" -out "$fresh/cert.pem"
  cp -- "$tls/authority/ca.pem" "$fresh/ca.pem"
  rm -f "$fresh/request" "$fresh/extensions"
  ln -sfn -- "$generation" "$folder/current.fresh"
  mv -fT -- "$folder/current.fresh" "$folder/current"
  forget_old_generations "$folder"
}

# The generation before the current one stays, for a process that is reading it just now.
forget_old_generations() {
  local old
  while IFS= read -r old; do
    rm -rf -- "${1:?}/$old"
  done < <(find "$1" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort | head -n -2)
}

# certificate_is_fine TLS NAME: it is there, of this CA, and not about to expire.
certificate_is_fine() {
  local certificate=$1/$2/current/cert.pem
  [[ -f $certificate && -f $1/$2/current/key.pem ]] &&
    cmp -s -- "$1/authority/ca.pem" "$1/$2/current/ca.pem" &&
    openssl x509 -in "$certificate" -noout -checkend $((renew_before_days * 86400)) >/dev/null
}

# make_certificates TLS: makes what is missing and renews what is about to expire.
make_certificates() {
  local name
  make_authority "$1"
  for name in "${certificate_names[@]}"; do
    if ! certificate_is_fine "$1" "$name"; then
      note "certificate: $name"
      make_certificate "$1" "$name"
    fi
  done
}
