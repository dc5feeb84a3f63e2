#!/usr/bin/env bash
# collect.sh PROGRAMS TARGET
# Fills a root folder with what the programs need to run and nothing else: the programs, the shared
# libraries that they load, the certificates of the public CAs, and a user without a name to log in.
set -euo pipefail
programs=$1 target=$2

# Debian keeps /lib and /lib64 as links into /usr; the loader's path in the programs uses them.
mkdir -p "$target"/usr/{bin,lib,lib64} "$target"/etc/ssl/certs "$target/tls" "$target/secrets"
ln -sfn usr/bin "$target/bin"
ln -sfn usr/lib "$target/lib"
ln -sfn usr/lib64 "$target/lib64"
install -d -m 1777 "$target/tmp"

copy_library() {
  local real=$target/usr${1#/usr}
  mkdir -p "$(dirname "$real")"
  cp --dereference --preserve=mode,timestamps -- "$1" "$real"
}

for program in "$programs"/*; do
  install -m 0755 "$program" "$target/usr/bin/"
  if ldd "$program" | grep 'not found'; then exit 1; fi
  # Lines are `name => path (address)` or, for the loader, `path (address)`.
  while IFS= read -r library; do
    copy_library "$library"
  done < <(ldd "$program" | sed -n -E 's/^[^/]*(\/[^ ]+) .*/\1/p')
done

install -m 0644 /etc/ssl/certs/ca-certificates.crt "$target/etc/ssl/certs/ca-certificates.crt"
printf 'playlog:x:65532:65532::/:/nonexistent\n' >"$target/etc/passwd"
printf 'playlog:x:65532:\n' >"$target/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$target/etc/nsswitch.conf"
