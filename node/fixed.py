"""What first boot wrote outside the generations and what never changes with one.

The tool knows these texts itself, so that a machine is put right from its own disk and no text
travels for it; a tool that knows a newer text brings that one. A test holds them equal to what
user-data writes.
"""

from collections.abc import Mapping

from node.layout import ACTIVE, MEMBERS_UNIT, TOOL

_STATE = "/var/lib/backplane"
_SYSTEM = "/etc/systemd/system"

FIRST_BOOT_UNIT = "backplane-first-boot.service"
RESOLVED = "/etc/systemd/resolved.conf.d/backplane.conf"

FILES: Mapping[str, str] = {
    "/etc/tmpfiles.d/backplane.conf": f"""\
d /run/backplane 0755 root root
L /run/backplane/active - - - - {_STATE}/confirmed
""",
    f"{_SYSTEM}/backplane-nft.service": f"""\
[Unit]
Description=Backplane's firewall and kernel settings
DefaultDependencies=no
RequiresMountsFor={_STATE}
After=local-fs.target systemd-tmpfiles-setup.service
Before=network-pre.target
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {ACTIVE}/nftables.nft
ExecStart=-/usr/sbin/sysctl --quiet --load {ACTIVE}/sysctl.conf
[Install]
WantedBy=sysinit.target
""",
    f"{_SYSTEM}/wg-quick@.service.d/backplane.conf": """\
[Unit]
After=backplane-nft.service
Before=backplane-routes.service
Wants=backplane-nft.service
StartLimitIntervalSec=0
[Service]
Restart=on-failure
RestartSec=5
""",
    f"{_SYSTEM}/ssh.service.d/backplane.conf": """\
[Unit]
After=wg-quick@wg0.service wg-quick@wg1.service
Wants=wg-quick@wg0.service
StartLimitIntervalSec=0
[Service]
Restart=always
RestartSec=2
RestartPreventExitStatus=
RuntimeDirectoryPreserve=yes
""",
    RESOLVED: """\
[Resolve]
LLMNR=no
MulticastDNS=no
""",
    f"{_SYSTEM}/{MEMBERS_UNIT}": f"""\
[Unit]
Description=Backplane's watch for removals
After=ssh.service wg-quick@wg1.service
ConditionPathExists={TOOL}
StartLimitIntervalSec=0
[Service]
ExecStart={TOOL} members
Restart=always
RestartSec=5
[Install]
WantedBy=multi-user.target
""",
    f"{_SYSTEM}/{FIRST_BOOT_UNIT}": """\
[Unit]
Description=Backplane's first boot
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0
[Service]
Type=oneshot
ExecStart=/usr/local/lib/backplane/first-boot
TimeoutStartSec=infinity
Restart=on-failure
RestartSec=10
[Install]
WantedBy=multi-user.target
""",
}
"""Every unit, drop-in, setting and tmpfiles entry, by path; mode 0644, root's."""

GENERATOR = "/etc/systemd/system-generators/backplane"

LATER: Mapping[str, str] = {
    # systemd.generator(7): runs at boot before anything else, and whenever systemd reads its units.
    # Copies, for at boot nothing but the root file system may be there when units are read.
    GENERATOR: f"""\
#!/bin/sh
# Shows systemd the units of the active generation; at boot, of the confirmed one.
set -eu
from=$(readlink -e {ACTIVE} || readlink -e {_STATE}/confirmed) || exit 0
for unit in "$from"/units/*; do
  [ -f "$unit" ] || continue
  name=${{unit##*/}}
  cp "$unit" "$1/$name"
  wants=$(sed -n 's/^PartOf=//p' "$unit")
  wants=${{wants:-multi-user.target}}
  case $name in
  *.timer) wants=timers.target ;;
  *.socket) wants=sockets.target ;;
  *) [ ! -f "${{unit%.*}}.timer" ] && [ ! -f "${{unit%.*}}.socket" ] || continue ;;
  esac
  mkdir -p "$1/$wants.wants"
  ln -sf "../$name" "$1/$wants.wants/$name"
done
""",
}
"""What the tool itself brings to a machine, by path; mode 0755, root's."""
