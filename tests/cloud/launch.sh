#!/bin/bash
# Makes a machine out of a read-only tree and becomes its systemd.
#
#   unshare -m -p -u -i --fork --kill-child=KILL bash launch.sh TREE PLACE CGROUP TYPE UUID SIZE [NVME]
#
# All it mounts belongs to its own mount namespace and is gone with it. PLACE is an empty folder, SIZE limits
# what the machine can write (as tmpfs counts: 2g), NVME is the number of the loop device that is its local disk.
# Standard output and error are a terminal, which becomes /dev/console.
# No boundary against hostile code: root in here is root on the host's kernel.
set -eu
trap 'exit 90' ERR # not to be taken for the end of a machine
tree=$1 place=$2 cgroup=$3 type=$4 uuid=$5 size=$6 nvme=${7:-}

echo $$ >"$cgroup/cgroup.procs"
mount --make-rprivate /

# The disk: what the machine writes lies in memory, so that a full disk is cheap and nothing of it stays behind.
mount -t tmpfs -o "size=$size,mode=0755" tmpfs "$place"
mkdir "$place/upper" "$place/work" "$place/root"
mount -t overlay -o "lowerdir=$tree,upperdir=$place/upper,workdir=$place/work" overlay "$place/root"
root=$place/root

# /proc, less what belongs to the host. Its network's own settings stay writable, as they would be.
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro,nosuid,nodev,noexec "$root/proc/sys"
mount -t proc proc "$root/mnt"
mount --bind "$root/mnt/sys/net" "$root/proc/sys/net"
umount -l "$root/mnt"
for name in swaps sysrq-trigger kcore kmsg timer_list keys; do
  [ ! -e "$root/proc/$name" ] || mount --bind /dev/null "$root/proc/$name"
done
echo 'BOOT_IMAGE=/boot/vmlinuz root=/dev/xvda1 ro console=ttyS0' >"$place/cmdline"
mount --bind "$place/cmdline" "$root/proc/cmdline"

# /sys is read only, with the identity that EC2 gives its machines: cloud-init decides by it.
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs -o mode=0755 tmpfs "$root/mnt"
for class in "$root"/sys/class/*; do
  name=${class##*/}
  [ "$name" != dmi ] || continue
  mkdir "$root/mnt/$name"
  mount --bind "$class" "$root/mnt/$name"
done
mkdir -p "$root/mnt/dmi/id"
for name in sys_vendor board_vendor bios_vendor chassis_vendor chassis_asset_tag; do
  echo 'Amazon EC2' >"$root/mnt/dmi/id/$name"
done
echo "$uuid" | tee "$root/mnt/dmi/id/product_uuid" >"$root/mnt/dmi/id/product_serial"
echo "$type" >"$root/mnt/dmi/id/product_name"
mount --rbind "$root/mnt" "$root/sys/class"
umount -l "$root/mnt"

# Its disks: the root volume by name only, and the local one.
mount -t tmpfs -o mode=0755 tmpfs "$root/sys/block"
disk() { # disk NAME MODEL SECTORS
  mkdir -p "$root/sys/block/$1/device" "$root/sys/block/$1/holders"
  printf '%-40s\n' "$2" >"$root/sys/block/$1/device/model"
  echo "$3" >"$root/sys/block/$1/size"
}
disk nvme0n1 'Amazon Elastic Block Store' 16777216
mkdir "$root/sys/block/nvme0n1/nvme0n1p1"
[ -z "$nvme" ] || disk nvme1n1 'Amazon EC2 NVMe Instance Storage' "$(blockdev --getsz "/dev/loop$nvme")"

# No namespace for control groups: systemd would take one as the mark of a container, and cloud-init with it.
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"

mount -t tmpfs -o nosuid,mode=0755 tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5,nosuid,noexec devpts "$root/dev/pts"
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$root/dev/shm"
for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
  IFS=: read -r name major minor <<<"$device"
  mknod -m 0666 "$root/dev/$name" c "$major" "$minor"
done
[ -z "$nvme" ] || mknod -m 0660 "$root/dev/nvme1n1" b 7 "$nvme"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${number%:*}" "$root/dev/${number#*:}"; done
terminal=$(readlink /proc/self/fd/2) # the same as standard output, which is a pipe in here
: >"$root/dev/console"
mount --bind "$terminal" "$root/dev/console"
mount -t tmpfs -o nosuid,nodev,mode=0755 tmpfs "$root/run"
mkdir "$root/run/lock"

cd "$root"
mkdir .host
pivot_root . .host
cd /
umount -l /.host
rmdir /.host
hostname localhost
exec env -i TERM=linux PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  setpriv --bounding-set \
  -sys_module,-sys_time,-sys_rawio,-syslog,-mac_admin,-mac_override,-mknod,-wake_alarm,-audit_control,-audit_read,-sys_pacct,-bpf,-perfmon \
  /lib/systemd/systemd
