"""systemd units and tmpfiles of a node: written by user-data once, the same on every node.

What changes with a generation is read through the active link; these never change.
"""

from collections.abc import Mapping

STATE = "/var/lib/backplane"
ACTIVE = "/run/backplane/active"
LIBRARY = "/usr/local/lib/backplane"
_SYSTEM = "/etc/systemd/system"

TMPFILES = "/etc/tmpfiles.d/backplane.conf"
RESOLVED = "/etc/systemd/resolved.conf.d/backplane.conf"
FIRST_BOOT = "backplane-first-boot.service"
MEMBERS = "backplane-members.service"
TOOL = "/usr/local/sbin/backplane-node"

LINKS: tuple[tuple[str, str], ...] = (
    *((f"/etc/wireguard/wg{n}.conf", f"{ACTIVE}/wireguard/wg{n}.conf") for n in range(4)),
    ("/etc/ssh/sshd_config.d/00-backplane.conf", f"{ACTIVE}/sshd.conf"),
    ("/etc/sysctl.d/60-backplane.conf", f"{ACTIVE}/sysctl.conf"),
)
"""Fixed links: where a daemon looks, and what it finds there through the active generation."""

FILES: Mapping[str, str] = {
    TMPFILES: f"""\
d /run/backplane 0755 root root
L /run/backplane/active - - - - {STATE}/confirmed
""",
    # Before any network, without an ExecStop: nothing ever opens the host. sysctl is here because
    # systemd-sysctl runs before the active link exists.
    f"{_SYSTEM}/backplane-nft.service": f"""\
[Unit]
Description=Backplane's firewall and kernel settings
DefaultDependencies=no
RequiresMountsFor={STATE}
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
    # A gateway that goes down gives its sites away first: its links' names are in no other unit.
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
    # Debian's unit does not retry after exit 255, which is what a missing address gives. And one
    # sshd that fails to start must not take the directory away from another that runs.
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
    # Debian leaves on what listens on port 5355 of every address.
    RESOLVED: """\
[Resolve]
LLMNR=no
MulticastDNS=no
""",
    # Operators are kept out at boot until another node has shown who belongs to the mesh.
    f"{_SYSTEM}/{MEMBERS}": f"""\
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
    f"{_SYSTEM}/{FIRST_BOOT}": f"""\
[Unit]
Description=Backplane's first boot
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0
[Service]
Type=oneshot
ExecStart={LIBRARY}/first-boot
TimeoutStartSec=infinity
Restart=on-failure
RestartSec=10
[Install]
WantedBy=multi-user.target
""",
}
"""Every unit, drop-in, setting and tmpfiles entry, by path."""
