#!/bin/sh
# Runs once, as root, when the machine has booted: prepares the fastest disk, finds a Python, fetches the agent,
# checks it and runs it. However it ends, the machine powers off.
set -u
umask 022
@settings@
dir=${RD_DIR:-/var/lib/restoredrill}
sys=${RD_SYS:-/sys}
export PATH="${PATH:-}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" LC_ALL=C.UTF-8

# What the image says of proxies and endpoints: cloud-init itself does not read it.
if [ -r "${RD_ETC:-/etc}/environment" ]; then
  while IFS='=' read -r name value; do
    case $name in AWS_* | *_proxy | *_PROXY) value=${value#\"} && export "$name=${value%\"}" ;; esac
  done <"${RD_ETC:-/etc}/environment"
fi

# The console is what is left to read when nothing else works.
[ -z "${RD_QUIET:-}" ] && [ -w /dev/console ] && exec >/dev/console 2>&1 </dev/null
say() { echo "restoredrill: $*"; }

finish() {
  trap - EXIT
  say "powering off: $why"
  sync
  systemctl poweroff || poweroff -f
  sleep 90
  poweroff -f # it was asked nicely
}
why="the boot data ended early"
trap finish EXIT
trap 'why="it was told to stop"; exit 1' INT TERM HUP

# 1. A disk ---------------------------------------------------------------------------------------------------

disks() { # disks MODEL: whole disks of this model with nothing on them, largest first
  for one in "$sys"/block/nvme*n*; do
    name=${one##*/}
    grep -qs "$1" "$one/device/model" || continue
    [ -z "$(ls -d "$one/$name"p* 2>/dev/null)$(ls -A "$one/holders" 2>/dev/null)" ] || continue
    grep -qs "^/dev/${name}[p ]" /proc/mounts && continue
    # 2: nothing known is on it. Anything else, and it is not ours to format.
    blkid -p "/dev/$name" >/dev/null 2>&1
    [ $? = 2 ] && echo "$(cat "$one/size") /dev/$name"
  done | sort -rn | cut -d' ' -f2
}

format() { # no journal: what is on it is worth nothing after a crash
  mkfs.ext4 -q -F -m 0 -O ^has_journal -E nodiscard,lazy_itable_init=1 "$1" 2>/dev/null || mkfs.xfs -q -f -K "$1"
}

prepare() {
  model="Elastic Block Store"
  [ "$RD_SCRATCH" = nvme ] && model="Instance Storage"
  # shellcheck disable=SC2046 # one word a disk
  set -- $(disks "$model")
  if [ $# = 0 ]; then
    say "work goes to the root volume ($RD_SCRATCH was planned)"
    return
  fi
  disk=$1
  if [ $# -gt 1 ] && mdadm --create /dev/md/restoredrill --run --force --level=0 --raid-devices=$# "$@" 2>/dev/null; then
    disk=/dev/md/restoredrill
  fi
  if format "$disk" && mount -o noatime,nosuid,nodev "$disk" "$dir"; then
    say "work goes to $disk ($model, $# found)"
  else
    say "$disk could not be prepared: work goes to the root volume"
  fi
}

# 2. A Python -------------------------------------------------------------------------------------------------

python=
version=
find_python() { # one that a bundle was built for
  for one in $RD_PYTHONS 3; do
    one=python$one
    version=$("$one" -c 'import ssl, sys, zlib; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case " $RD_PYTHONS " in *" $version "*) python=$one && return ;; esac
  done
  return 1
}

install_python() { # Amazon's repositories are in S3, and so within reach; Debian's mostly are not
  say "no Python of $RD_PYTHONS here: looking for a package"
  for one in $RD_PYTHONS; do
    if command -v dnf >/dev/null; then
      timeout 300 dnf install -q -y "python$one" >/dev/null 2>&1
    elif command -v apt-get >/dev/null; then
      DEBIAN_FRONTEND=noninteractive timeout 60 apt-get -qq -o Acquire::http::Timeout=5 install -y "python$one" >/dev/null 2>&1
    fi
    find_python && return
  done
  return 1
}

# 3. The agent ------------------------------------------------------------------------------------------------

mkdir -p "$dir" && prepare
mkdir -p "$dir/tmp" && chmod 711 "$dir"
cat >"$dir/boot.json" <<'@end@'
@note@
@end@
cat >"$dir/fetch.py" <<'@end@'
@fetch@
@end@

if ! find_python && ! install_python; then
  why="no Python of $RD_PYTHONS is on this image, and no package of one could be had"
  python3 "$dir/fetch.py" tell "$dir/boot.json" "$why"
  exit 1
fi
say "Python $version"
if ! bundle=$("$python" "$dir/fetch.py" get "$dir/boot.json" "$version" "$dir"); then
  why="the agent could not be fetched"
  exit 1
fi
say "agent: $bundle"
export SHIV_ROOT="$dir/unpacked" TMPDIR="$dir/tmp" HOME="${HOME:-/root}"
# The SDK asks for the role's credentials once and waits a second: one lost packet would be the end.
export AWS_METADATA_SERVICE_NUM_ATTEMPTS=10 AWS_METADATA_SERVICE_TIMEOUT=3
"$python" "$bundle" agent errand "$dir"
why="the agent has ended ($?)"
