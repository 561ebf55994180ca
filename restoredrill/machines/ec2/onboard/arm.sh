#!/bin/sh
# Ends this machine when its lease ends. Runs before anything else, so that nothing that fails later can prevent
# it. Two lines of defence that know nothing of each other: systemd's timer, which shuts down in order, and a
# process that only sleeps and then pulls the plug. Both count on a clock that nobody sets. May be run again, with
# another end: the earlier one is then forgotten.
@settings@
now=$(date +%s)
left=$((RD_EXPIRES - now))
# A clock that is behind must not lengthen the lease, and one that is ahead not end it before a word was said.
[ "$left" -le "$RD_LEASE_S" ] || left=$RD_LEASE_S
[ "$left" -ge 60 ] || left=60
pull=$((left + 120))
pid=${RD_RUN:-/run}/restoredrill-end.pid
before=$(cat "$pid" 2>/dev/null)

# Without dependencies: this is earlier than most of the boot, and must not wait for it.
[ -z "$before" ] || systemctl stop restoredrill-end.timer
armed="no timer"
timeout 30 systemd-run --quiet --no-block --unit=restoredrill-end --on-active="${left}s" \
  --description="the end of the lease" \
  --timer-property=AccuracySec=1s --timer-property=DefaultDependencies=no --property=DefaultDependencies=no \
  sh -c 'echo "restoredrill: the lease is over" >/dev/console; systemctl poweroff || poweroff -f' && armed="a timer"
# No output of its own: cloud-init waits until nobody holds its pipe.
setsid sh -c "echo \$\$ >$pid; sleep $pull; poweroff -f" </dev/null >/dev/null 2>&1 &
[ -z "$before" ] || kill -- "-$before" 2>/dev/null
said="restoredrill: powers off in $left s at the latest ($armed, and a process)"
echo "$said"
[ -n "${RD_QUIET:-}" ] || echo "$said" >/dev/console
exit 0
