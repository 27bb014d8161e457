"""The rules about machines that are there already."""

from collections.abc import Mapping

from backplane.rule import Rule

USER_PATTERN = r"^[a-z_][a-z0-9_.-]{0,31}$"
"""What useradd(8) of Debian takes."""

FIRST_SEEN = "first-seen"
"""In the place of a host key: whatever key the machine shows first is taken for its own."""

RULES: Mapping[str, Rule] = {
    "sites.*.nodes.*.machine": Rule(
        "at the cloud `existing`, and there alone: the machine that is there already, a mapping "
        "with at least `ipv4` and `host_key`",
        'write machine: {ipv4: <address>, host_key: "ssh-ed25519 AAAA…"}',
    ),
    "sites.*.nodes.*.machine.ipv4": Rule(
        "the public IPv4 address at which its sshd answers now and its peers dial it later, no "
        "other node's",
        "write its address, in quotes or without, such as 203.0.113.7",
    ),
    "sites.*.nodes.*.machine.ipv6": Rule(
        "its public IPv6 address, no other node's; without one it counts as a machine that has no "
        "IPv6",
        "write its address, or leave it out",
    ),
    "sites.*.nodes.*.machine.port": Rule(
        "the TCP port at which its sshd answers before it is taken over, 22 by default",
        "write a whole number from 1 to 65535",
    ),
    "sites.*.nodes.*.machine.user": Rule(
        "who logs in there: root (the default), or somebody whom sudo asks for no password",
        "write a user's name",
    ),
    "sites.*.nodes.*.machine.host_key": Rule(
        "the ed25519 host key that it must show, `ssh-ed25519 AAAA…` without a comment, or the "
        "word `first-seen`, which takes the one that it shows first",
        "paste the first two words of /etc/ssh/ssh_host_ed25519_key.pub on the machine",
    ),
}
