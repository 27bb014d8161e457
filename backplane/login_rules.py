"""What a login of a person's own may be: its name, and what it may do as root."""

import re
from collections.abc import Mapping

from backplane.rule import Rule

USER_PATTERN = r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$"
"""Safe in passwd(5), sshd_config(5), sudoers(5), cron and paths alike."""

# No wildcard, no quote, no directory, and no `.` or `..` in the path of the program.
_COMMAND = re.compile(r"(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*)+( [A-Za-z0-9._+@=:,/-]+)*")
LONGEST, MOST = 200, 32
"""Characters of one command, and commands of one login."""

EVERYTHING = "ALL"
"""How sudoers(5) calls every command; no command of a declaration is called so."""

_BASE = (
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats "
    "nobody adm tty disk kmem dialout fax voice cdrom floppy tape sudo audio dip operator src "
    "shadow utmp video sasl plugdev staff users nogroup wheel render kvm input sgx netdev"
)
_PACKAGES = (
    "crontab messagebus sshd ssh ssl-cert polkitd tss uuidd syslog ntp ntpsec chrony tcpdump "
    "dnsmasq unbound knot frr frrvty nginx postgres prometheus grafana node-exporter sanoid "
    "mysql redis docker podman lxd libvirt landscape pollinate dhcpcd"
)
_CLOUDS = "admin administrator debian ubuntu ec2-user cloud-user centos fedora azureuser"
RESERVED = frozenset(f"{_BASE} {_PACKAGES} {_CLOUDS}".split())
"""Accounts and groups that Debian, its packages and the clouds' images have or may get."""

RESERVED_BEGINNINGS = ("backplane", "systemd", "debian-")

RULES: Mapping[str, Rule] = {
    "operators.*.login": Rule(
        "an account of the person's own on every node, by its `user`; devices of one person name "
        "the same user with the same `sudo`",
        "write {user: <name>, sudo: none}, or leave it out: then the device logs in as root",
    ),
    "operators.*.login.user": Rule(
        "2 to 32 characters out of a-z, 0-9 and -, a letter first and no - last; no account that "
        "Debian, a package or a cloud's image brings, and none that begins with backplane",
        "choose such a name that is one person's alone, and stays so",
    ),
    "operators.*.login.sudo": Rule(
        "`all`, `none` (the default), or a list of 1 to 32 commands, each an absolute path with "
        "the very arguments it may be given, without wildcards and quotes",
        "write all, none, or a list such as [/usr/bin/systemctl restart nginx.service]",
    ),
}


def is_reserved(user: str) -> bool:
    """Whether a name is, or may become, that of an account which is no person's."""
    return user in RESERVED or user.startswith(RESERVED_BEGINNINGS)


def is_command(text: object) -> bool:
    """Whether sudoers(5) can hold this as one command with its arguments, and as nothing else."""
    return isinstance(text, str) and len(text) <= LONGEST and _COMMAND.fullmatch(text) is not None
