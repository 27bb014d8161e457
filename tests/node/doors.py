"""What `test_accounts_live` runs inside an image: its sshd with a generation's settings.

It prints JSON: for each login that is tried, who it ended as; empty where it was refused.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, "/root")

from node import accounts, generations
from node.machine import Machine

NAME = "a" * 16
MACHINE = Machine()


def begin() -> "subprocess.Popen[bytes]":
    """Make the accounts of the generation that was put here, and start sshd by it."""
    for address in ("10.201.1.1", "10.201.255.2", "10.201.255.3", "10.200.1.1"):
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    # Addresses of planes that are not up here, as at a boot.
    for family in ("ipv4", "ipv6"):
        Path(f"/proc/sys/net/{family}/ip_nonlocal_bind").write_text("1\n")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # As tmpfiles makes it at boot: whoever is not root reads through the link in it too.
    MACHINE.ensure_run()
    MACHINE.layout.run.chmod(0o755)
    generations.activate(MACHINE, NAME)
    generations.confirm(MACHINE, NAME)
    for one in accounts.differences(MACHINE, generations.load(MACHINE, NAME)):
        assert one.mend
        one.mend()
    Path("/etc/ssh/sshd_config.d/00-backplane.conf").symlink_to("/run/backplane/active/sshd.conf")
    Path("/run/sshd").mkdir(exist_ok=True)
    subprocess.run(["/usr/sbin/sshd", "-t"], check=True)
    return subprocess.Popen(["/usr/sbin/sshd", "-D"])


def login(user: str, key: str, source: str) -> str:
    """Who a login ends as."""
    options = ("BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=no",
               "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")  # fmt: skip
    given = [word for option in options for word in ("-o", option)]
    words = ["ssh", "-F", "none", "-b", source, "-i", f"/root/{key}", *given]
    done = subprocess.run(
        [*words, f"{user}@10.201.1.1", "whoami"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return done.stdout.strip()


def main() -> dict[str, str]:
    """Try each login, then the same after the generation is another one."""
    daemon = begin()
    until = time.monotonic() + 20
    while not login("alice", "key", "10.201.255.2") and time.monotonic() < until:
        time.sleep(0.2)
    tried = {
        "own": login("alice", "key", "10.201.255.2"),
        "elsewhere": login("alice", "key", "10.201.255.3"),
        "root": login("root", "key", "10.201.255.2"),
        "another's": login("carol", "key", "10.201.255.2"),
        "system's": login("daemon", "key", "10.201.255.2"),
        "another key": login("alice", "other", "10.201.255.2"),
        "root's own": login("root", "other", "10.201.255.3"),
    }
    home = Path("/home/alice/.ssh")
    home.mkdir()
    (home / "authorized_keys").write_text(Path("/root/other.pub").read_text())
    subprocess.run(["chown", "-R", "alice:alice", str(home)], check=True)
    tried["a key that she let in herself"] = login("alice", "other", "10.201.255.2")
    # An undo: the link alone moves, and sshd is told nothing.
    empty = MACHINE.layout.generations / ("b" * 16)
    empty.mkdir()
    MACHINE.disk.point(MACHINE.layout.active, str(empty))
    tried["own, undone"] = login("alice", "key", "10.201.255.2")
    daemon.terminate()
    return tried


if __name__ == "__main__":
    print(json.dumps(main()))  # noqa: T201 - this is how it answers
