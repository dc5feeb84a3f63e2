# shellcheck shell=bash
# supervise.sh HOME: keeps runsvdir alive, which keeps one runsv per service alive, which restarts
# its service. TERM ends all three. Started by deploy/up in a session of its own.
home=$1
printf '%s\n' "$$" >"$home/run/supervisor.pid"
finishing=""
trap 'finishing=yes; kill -HUP "$child" 2>/dev/null' TERM

while [[ -z $finishing ]]; do
  runsvdir -P "$home/sv" </dev/null &
  child=$!
  wait "$child"
  # runsvdir came to an end that nobody asked for; its services went on meanwhile.
  if [[ -z $finishing ]]; then sleep 1; fi
done
wait
rm -f "$home/run/supervisor.pid"
