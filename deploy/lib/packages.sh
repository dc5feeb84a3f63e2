# shellcheck shell=bash
# Debian packages: installs what is missing, and touches nothing when nothing is.

# wanted_packages LIST...: the names in deploy/packages/<list>.txt, one a line.
wanted_packages() {
  local list
  for list in "$@"; do
    sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$deploy/packages/$list.txt"
  done | sort -u
}

missing_packages() {
  comm -23 <(wanted_packages "$@") \
    <(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' | awk '$1 == "ii" {print $2}' | sort -u)
}

have_package_lists() { compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; }

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
    apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

# Debian makes and starts a cluster of its own when PostgreSQL's package arrives. Playlog has its
# own under PLAYLOG_HOME, so that one would only take port 5432 and memory.
without_debians_cluster() {
  local folder=/etc/postgresql-common/createcluster.d code=0
  as_root mkdir -p "$folder"
  printf 'create_main_cluster = false\n' | as_root tee "$folder/playlog.conf" >/dev/null
  "$@" || code=$?
  as_root rm -f "$folder/playlog.conf"
  return "$code"
}

# Packages with a daemon start it when they arrive. Playlog starts what it needs by itself, and the
# tests do; nothing else shall listen for it. A policy that the machine has of its own stays.
without_daemons() {
  local policy=/usr/sbin/policy-rc.d code=0
  if [[ -e $policy ]]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root install -m 0755 /dev/stdin "$policy"
  "$@" || code=$?
  as_root rm -f "$policy"
  return "$code"
}

install_with_fresh_lists() {
  if ! have_package_lists; then apt_get update || return; fi
  if apt_get install --no-install-recommends "$@"; then return 0; fi
  # A list can be older than the mirror; one more try with new lists tells.
  apt_get update && apt_get install --no-install-recommends "$@"
}

# The configuration file that names createcluster.d arrives with postgresql-common: it goes first.
install_all() {
  if [[ " $* " == *" postgresql-15 "* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
    install_with_fresh_lists postgresql-common || return
  fi
  without_daemons without_debians_cluster install_with_fresh_lists "$@"
}

require_rights_for_packages() {
  if is_root; then return 0; fi
  command -v sudo >/dev/null ||
    fail "packages are missing and there is no sudo; as root: apt-get install --no-install-recommends $*"
  sudo -v || fail "sudo refused; as root: apt-get install --no-install-recommends $*"
}

# install_packages LIST...: brings the machine to what the lists name.
install_packages() {
  step "packages: $*"
  command -v apt-get >/dev/null ||
    fail "Playlog installs on Debian 12, and this machine has no apt-get"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if [[ ${#missing[@]} -eq 0 ]]; then return 0; fi
  note "installing ${#missing[@]}: ${missing[*]}"
  require_rights_for_packages "${missing[@]}"
  mkdir -p "$checkout/build/logs"
  local log=$checkout/build/logs/packages.log
  run_logged "$log" install_all "${missing[@]}" || fail "apt-get could not install them" "$log"
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -eq 0 ]] || fail "still not installed: ${missing[*]}"
}

# show_versions LIST...: what a run was made with, for the log of continuous integration.
show_versions() {
  local names
  mapfile -t names < <(wanted_packages "$@")
  # shellcheck disable=SC2016 # dpkg-query's own variables
  dpkg-query -W -f='    ${Package} ${Version}\n' "${names[@]}"
}
