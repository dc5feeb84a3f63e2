# shellcheck shell=bash
# runit: one folder per service under <home>/sv. Runs as the home's user.

log_size=10000000 log_files=5

service_folder() { printf '%s/sv/%s' "$home" "$1"; }

# A line for /bin/sh that starts a program with exactly these arguments and a clean environment.
run_script() {
  local word words=""
  for word in "$@"; do words+=" $(printf '%q' "$word")"; done
  cat <<EOF
#!/bin/sh
# Written by deploy/up; a change made here is lost at the next run.
exec 2>&1
rm -f refused
cd /
ulimit -c 0
ulimit -n 4096
exec setpriv --no-new-privs -- env -i PATH=/usr/bin:/bin LANG=C.UTF-8 TZ=UTC$words
EOF
}

log_script() {
  cat <<EOF
#!/bin/sh
# Written by deploy/up; a change made here is lost at the next run.
exec svlogd $(printf '%q' "$home/log/$1")
EOF
}

# A program that refuses its configuration (exit code 78) would refuse it again: it stays down, and
# deploy/up tells why. Any other end is followed by a restart.
finish_script() {
  cat <<'EOF'
#!/bin/sh
# Written by deploy/up; a change made here is lost at the next run.
[ "$1" = 78 ] || exit 0
date -u >refused
printf d >supervise/control
EOF
}

# write_service NAME COMMAND...: the folder that runsv reads. It starts down: deploy/up decides what
# runs, and takes the mark away when it does.
write_service() {
  local name=$1 folder
  shift
  folder=$(service_folder "$name")
  if [[ ! -d $folder ]]; then
    mkdir -p "$folder/log"
    : >"$folder/down"
  fi
  mkdir -p "$home/log/$name"
  printf 's%s\nn%s\n' "$log_size" "$log_files" | write_if_changed "$home/log/$name/config" 0600 || true
  log_script "$name" | write_if_changed "$folder/log/run" 0700 || true
  finish_script | write_if_changed "$folder/finish" 0700 || true
  run_script "$@" | write_if_changed "$folder/run" 0700 || true
}

# PostgreSQL's fast shutdown is INT; runit's TERM would wait for every client to leave.
stop_by_interrupt() {
  local folder
  folder=$(service_folder "$1")
  mkdir -p "$folder/control"
  # shellcheck disable=SC2016 # the script's own variable
  printf '#!/bin/sh\nread -r process <supervise/pid && kill -INT "$process"\n' |
    write_if_changed "$folder/control/t" 0700 || true
}

supervisor_runs() {
  local process command=""
  process=$(cat "$home/run/supervisor.pid" 2>/dev/null) || return 1
  if [[ -n $process && -r /proc/$process/cmdline ]]; then
    command=$(tr '\0' ' ' <"/proc/$process/cmdline")
  fi
  [[ $command == *"$home/lib/supervise.sh $home "* ]]
}

# What runit says of a service: `run: …`, `down: …`, `finish: …`, or that nothing supervises it.
service_status() { sv status "$(service_folder "$1")" 2>/dev/null || true; }

is_supervised() { [[ $(service_status "$1") =~ ^(run|down|finish): ]]; }

all_are_supervised() {
  local folder
  for folder in "$home"/sv/*/; do
    is_supervised "$(basename "$folder")" || return 1
  done
}

mark_all_down() {
  local folder
  for folder in "$home"/sv/*/; do : >"$folder/down"; done
}

# The supervisor outlives the shell: a session of its own, no terminal, none of our descriptors. It
# starts with everything down, so that deploy/up starts the database before what needs it.
start_supervisor() {
  if ! supervisor_runs; then
    mark_all_down
    setsid -f bash "$home/lib/supervise.sh" "$home" </dev/null >>"$home/log/supervisor.log" 2>&1 9>&-
  fi
  wait_until 15 all_are_supervised ||
    fail "the supervisor did not take up every service" "$home/log/supervisor.log"
}

is_running() { [[ $(service_status "$1") == run:* ]]; }

is_refused() { [[ -f $(service_folder "$1")/refused ]]; }

# What a running service was started from: its run script, its program, and the files that it reads
# once. The keys that auth reads again while it runs are not among them.
service_stamp() {
  local folder program
  folder=$(service_folder "$1")
  program=$(sed -n 's/^exec setpriv .* TZ=UTC \([^ ]*\).*/\1/p' "$folder/run")
  {
    cat "$folder/run"
    stat -c '%s %Y' "$program"
    if [[ $1 == postgres ]]; then cat "$home/postgres/data/playlog.conf"; fi
    if [[ -d $home/secrets/$1 ]]; then
      find "$home/secrets/$1" -type f ! -name token_key.pem ! -name key_encryption_key.json |
        sort | xargs -r -d '\n' cat
    fi
  } | sha256sum
}

# start_service NAME: starts it, or restarts it when what it was started from has changed since.
start_service() {
  local folder stamp
  folder=$(service_folder "$1")
  stamp=$(service_stamp "$1")
  rm -f "$folder/down"
  if is_running "$1"; then
    [[ $(cat "$home/run/$1.stamp" 2>/dev/null) != "$stamp" ]] || return 0
    note "restarting $1"
    stop_service "$1"
  else
    note "starting $1"
  fi
  printf '%s\n' "$stamp" >"$home/run/$1.stamp"
  rm -f "$folder/refused"
  sv up "$folder" >/dev/null
}

# stop_service NAME...: asks all of them to end what they are doing, and waits. A drain takes up to
# 10 s; only what is still there long after that is killed, and PostgreSQL never.
stop_service() {
  local name folders=()
  for name in "$@"; do
    if is_supervised "$name"; then folders+=("$(service_folder "$name")"); fi
  done
  if [[ ${#folders[@]} -eq 0 ]]; then return 0; fi
  if [[ $1 == postgres ]]; then
    sv -w 60 down "${folders[@]}" >/dev/null || fail "PostgreSQL has not stopped within 60 s" \
      "$home/log/postgres/current"
  else
    sv -w 20 force-stop "${folders[@]}" >/dev/null || warn "had to kill one of: $*"
  fi
}

# keep_down NAME: neither a restart of the supervisor nor of the machine brings it back.
keep_down() {
  : >"$(service_folder "$1")/down"
  if is_running "$1"; then note "stopping $1"; fi
  stop_service "$1"
}

# runsv ends a moment after runsvdir told it to. One whose runsvdir was killed is told here.
supervisor_is_gone() {
  local folder
  if supervisor_runs; then return 1; fi
  for folder in "$home"/sv/*/; do
    if is_supervised "$(basename "$folder")"; then
      sv exit "$folder" >/dev/null || true
      return 1
    fi
  done
}

stop_supervisor() {
  if supervisor_runs; then kill -TERM "$(<"$home/run/supervisor.pid")"; fi
  wait_until 20 supervisor_is_gone || fail "the supervisor has not stopped" "$home/log/supervisor.log"
}
