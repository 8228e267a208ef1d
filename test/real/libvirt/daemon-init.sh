#!/bin/sh
# Process 1 of a private libvirt, called $3: hides the machine's libvirt state behind folders of $1 (its cache behind $2),
# then reaps orphans (QEMU's parent is process 1) until its standard input closes, which ends all in its namespaces.
set -eu
dir=$1
mount --make-rprivate /
ip link set lo up
hostname "$3"

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/libvirt /run/lock
mount --bind "$dir/run" /run/libvirt

# systemd mounts huge pages below /dev. Hidden by the new one they would stay in the table of mounts, and libvirt, which looks for their folder,
# would not start.
umount --all --types hugetlbfs
# A /dev without kvm: on a machine whose KVM does not work, libvirtd would spend a minute finding out.
dev=$dir/dev
mount -t tmpfs -o mode=755 tmpfs "$dev"
for node in null zero full random urandom tty; do
  : >"$dev/$node"
  mount --bind "/dev/$node" "$dev/$node"
done
mkdir "$dev/pts" "$dev/shm" "$dev/net"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$dev/pts"
mount -t tmpfs tmpfs "$dev/shm"
ln -s pts/ptmx "$dev/ptmx"
ln -s /proc/self/fd "$dev/fd"
if [ -e /dev/net/tun ]; then
  : >"$dev/net/tun"
  mount --bind /dev/net/tun "$dev/net/tun"
fi
mount --move "$dev" /dev

mkdir -p /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt /var/log/swtpm "$dir/log/swtpm"
mount --bind "$dir/etc" /etc/libvirt
mount --bind "$dir/lib" /var/lib/libvirt
mount --bind "$2" /var/cache/libvirt
mount --bind "$dir/log" /var/log/libvirt
mount --bind "$dir/log/swtpm" /var/log/swtpm

# libvirtd insists that its default user exists, whichever one qemu.conf names; a package of Debian's makes it.
for file in passwd group; do
  cp "/etc/$file" "$dir/etc/$file"
  grep -q '^libvirt-qemu:' "/etc/$file" || cat "$dir/etc/$file.add" >>"$dir/etc/$file"
  mount --bind "$dir/etc/$file" "/etc/$file"
done

exec 3<&0
cat <&3 >/dev/null &
echo ready
wait $!
