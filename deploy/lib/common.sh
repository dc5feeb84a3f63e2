# shellcheck shell=bash
# Messages, steps and failures. Every script in deploy/ sources this first.

step_name="starting"

# step TEXT: names what is being done; a failure from here on is reported under this name.
step() {
  step_name=$1
  printf '==> %s\n' "$1"
}

note() { printf '    %s\n' "$*"; }

warn() { printf '    warning: %s\n' "$*" >&2; }

# A subshell's exit code for a failure that has been told already, so that nobody tells it again.
readonly told=97

# fail REASON [LOG]: ends the script and names the step, the reason and the log.
fail() {
  local log=${2:-}
  {
    printf '\nFailed at: %s\n' "$step_name"
    printf 'Reason:    %s\n' "$1"
    if [[ -n $log && -s $log ]]; then
      printf 'Log:       %s, which ends with:\n' "$log"
      tail -n 15 -- "$log" | sed 's/^/    /'
    fi
  } >&2
  trap - ERR
  if (( BASH_SUBSHELL > 0 )); then exit "$told"; fi
  exit 1
}

# Called by the ERR trap for a command whose failure nobody foresaw.
unforeseen_failure() {
  local code=$? line=$1 command=$2
  if (( code == told )); then exit $((BASH_SUBSHELL > 0 ? told : 1)); fi
  fail "line $line of ${BASH_SOURCE[1]##*/}: '$command' ended with code $code"
}

fail_on_unforeseen_errors() {
  umask 022
  set -Eeuo pipefail
  trap 'unforeseen_failure "$LINENO" "$BASH_COMMAND"' ERR
}

is_root() { [[ ${EUID} -eq 0 ]]; }

# as_root COMMAND...: through sudo when the caller is an ordinary user.
as_root() {
  if is_root; then
    "$@"
  else
    sudo -- "$@"
  fi
}

# show_progress LOG SECONDS: the last line of a log, in place on a terminal, seldom elsewhere.
show_progress() {
  local last
  last=$(tail -c 400 -- "$1" 2>/dev/null | tr -d '\r' | grep -a . | tail -n 1 || true)
  last=${last//[^[:print:]]/ }
  if [[ -t 1 ]]; then
    printf '\r\033[K    %4d s  %.84s' "$2" "$last"
  elif (( $2 > 0 && $2 % 15 == 0 )); then
    printf '    %4d s  %.84s\n' "$2" "$last"
  fi
}

# run_logged LOG COMMAND...: runs a long command with its output in a log and its progress on the
# terminal. Answers the command's exit code.
run_logged() {
  local log=$1 code=0 started=$SECONDS shown=-1
  shift
  "$@" >"$log" 2>&1 </dev/null &
  local process=$!
  # shellcheck disable=SC2064 # the process of this call is meant, not of a later one
  trap "kill $process 2>/dev/null; fail 'interrupted'" INT TERM
  while kill -0 "$process" 2>/dev/null; do
    if (( SECONDS - started != shown )) && (( SECONDS > started )); then
      shown=$((SECONDS - started))
      show_progress "$log" "$shown"
    fi
    sleep 0.05
  done
  wait "$process" || code=$?
  trap - INT TERM
  if [[ -t 1 && shown -ge 0 ]]; then printf '\r\033[K'; fi
  return "$code"
}

# write_if_changed FILE MODE: standard input becomes the file, in one step. Succeeds if that
# changed anything, so that a caller can tell whether to act on it.
write_if_changed() {
  local file=$1 mode=$2 fresh
  fresh=$(mktemp "$file.XXXXXX")
  cat >"$fresh"
  chmod "$mode" "$fresh"
  if [[ -f $file ]] && cmp -s -- "$fresh" "$file"; then
    rm -f -- "$fresh"
    return 1
  fi
  mv -f -- "$fresh" "$file"
}

# wait_until SECONDS COMMAND...: polls ten times a second; fails when the time is over.
wait_until() {
  local end=$((SECONDS + $1))
  shift
  while ! "$@"; do
    if (( SECONDS >= end )); then return 1; fi
    sleep 0.1
  done
}

# port_is_taken PORT: does anything on this machine listen on this TCP port?
port_is_taken() {
  local wanted tables=(/proc/net/tcp)
  wanted=$(printf ':%04X' "$1")
  if [[ -r /proc/net/tcp6 ]]; then tables+=(/proc/net/tcp6); fi
  awk -v wanted="$wanted" \
    '$4 == "0A" && substr($2, length($2) - 4) == wanted { found = 1 } END { exit !found }' \
    "${tables[@]}"
}
