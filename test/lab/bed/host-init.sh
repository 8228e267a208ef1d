#!/bin/sh
# Process 1 of a test host: gives it directories, devices and a name of its own, says "ready", then reaps orphans until
# it is killed, which is the host's power cut. Started by host.ts in fresh net, mount, pid, uts and ipc namespaces.
#
#   host-init.sh NAME DISK SEEDED... -- EMPTY...
#
# DISK keeps what survives a power cut. SEEDED directories begin as copies of the machine's own, EMPTY ones empty.
# Everything else in the file system, the checkout included, is shared with the machine.
set -eu
name=$1 disk=$2
shift 2

hostname "$name"
mount --make-rprivate /
mount -t sysfs sysfs /sys

# What is written to these trees goes to the host's own disk, and the machine itself keeps no trace of it.
scratch=$disk/scratch
mkdir -p "$scratch"
mount -t tmpfs -o mode=700 tmpfs "$scratch"
over() { # over WHERE TREE: lays a writable layer kept in WHERE over a tree
  mkdir -p "$1/$2/upper" "$1/$2/work"
  chmod --reference="/$2" "$1/$2/upper"
  mount -t overlay -o "lowerdir=/$2,upperdir=$1/$2/upper,workdir=$1/$2/work" overlay "/$2"
}
for tree in etc var/lib var/cache var/tmp; do
  case $disk/ in
    "/$tree/"*) continue ;; # the disk itself is in there: a layer would hide it from the host
  esac
  # On a machine that is itself on an overlay, as containers are, only memory can hold the layer: a power cut takes it.
  over "$disk/layers" "$tree" 2>/dev/null || over "$scratch" "$tree"
done

keep() { # keep DIRECTORY seeded|empty
  own=$disk$1
  if [ ! -d "$own" ]; then
    mkdir -p "$own" "$1"
    chown --reference="$1" "$own"
    chmod --reference="$1" "$own"
    if [ "$2" = seeded ]; then cp -a "$1/." "$own/"; fi
  fi
  mkdir -p "$1"
  mount --bind "$own" "$1"
}
kind=seeded
for directory in "$@"; do
  if [ "$directory" = -- ]; then kind=empty; else keep "$directory" "$kind"; fi
done
rm -rf /etc/libvirt/qemu/networks/autostart/*
cp "$disk/machine-id" /etc/machine-id
cp "$disk/hosts" /etc/hosts
echo "$name" >/etc/hostname

# Logs of daemons go where their packages expect the folder to be.
for log in libvirt openvswitch ovn frr croft; do
  mkdir -p "/var/log/$log"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/libvirt /run/openvswitch /run/ovn /run/frr /run/netns /run/user/0
if id frr >/dev/null 2>&1; then chown frr:frr /run/frr /var/log/frr; fi

# systemd mounts huge pages below /dev. Hidden by the new one they would stay in the table of mounts, and libvirt, which looks for their folder,
# would not start.
umount --all --types hugetlbfs
# A /dev of its own, with what a processor without virtualisation may have as well: a /dev/kvm that hangs guests. Croft is to see through it.
dev=$scratch/dev
mkdir -p "$dev"
mount -t tmpfs -o mode=755 tmpfs "$dev"
devices='null zero full random urandom tty fuse kvm userfaultfd loop-control vhost-net hwrng'
for device in $devices loop0 loop1 loop2 loop3 loop4 loop5 loop6 loop7; do
  if [ -e "/dev/$device" ]; then cp -a "/dev/$device" "$dev/"; fi
done
if [ ! -e "$dev/kvm" ]; then mknod -m 666 "$dev/kvm" c 10 232; fi
mkdir -p "$dev/net" "$dev/pts" "$dev/shm"
cp -a /dev/net/tun "$dev/net/"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$dev/pts"
mount -t tmpfs tmpfs "$dev/shm"
ln -s pts/ptmx "$dev/ptmx"
ln -s /proc/self/fd "$dev/fd"
for stream in stdin:0 stdout:1 stderr:2; do ln -s "/proc/self/fd/${stream#*:}" "$dev/${stream%:*}"; done
mount --rbind "$dev" /dev

# A new network namespace begins with what the machine has, which may be a host of a cloud itself.
echo 0 >/proc/sys/net/ipv4/ip_forward

ip link set lo up
echo ready
exec >/dev/null 2>&1 </dev/null
trap : TERM INT HUP
while :; do
  sleep infinity &
  wait || true
done
