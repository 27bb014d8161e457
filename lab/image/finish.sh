#!/bin/sh
# Turns a fresh Debian tree into a cloud image: run by lab.image inside the tree (chroot).
set -eu
if [ "${1:-}" = --help ]; then
    echo "usage: finish.sh SUITE REPOSITORY-URL (inside the image's tree, by lab.image)"
    exit 0
fi
suite=$1
repository=$2

# A container never sees the event this waits for, and would sit still for two minutes.
systemctl mask systemd-networkd-wait-online.service
systemctl enable systemd-networkd.service systemd-resolved.service ssh.service

mkdir -p /etc/cloud/cloud.cfg.d
cat >/etc/cloud/cloud.cfg.d/90-lab.cfg <<'CLOUD'
# root may log in by key, as on the cloud's own images; a minimal base has no locales.
datasource_list: [NoCloud]
disable_root: false
locale: false
users: []
CLOUD

# Nothing of the building computer stays: not its mirror, its resolver or its logs.
rm -rf /etc/apt/sources.list.d /var/lib/apt/lists /var/cache/apt /var/cache/debconf/*-old
rm -f /etc/resolv.conf /etc/.resolv.conf.* /etc/hostname /usr/sbin/policy-rc.d
rm -f /etc/apt/apt.conf.d/00-building
ln -s ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
find /var/log -type f -delete
mkdir -p /etc/apt/sources.list.d /var/lib/apt/lists/partial /var/cache/apt/archives/partial
echo "deb [trusted=yes] $repository/$suite ./" >/etc/apt/sources.list

# Every machine gets an identity of its own at its first boot.
rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id /var/lib/systemd/random-seed
: >/etc/machine-id
mkdir -p /var/lib/backplane
