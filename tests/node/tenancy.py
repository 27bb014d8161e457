"""What `test_accounts_live` runs inside an image: the tool's own code, with the image's programs.

It prints JSON: what was seen at each stage, by name.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, "/root")

from node import accounts, generations, leavings
from node.generations import Generation
from node.machine import Machine
from node.passwd import live, uid_of

RULES = 'alice ALL=(root:root) NOPASSWD: /usr/bin/sleep 3000, /usr/bin/id ""\n'
MACHINE = Machine()
UID = uid_of("alice")
HERS = 3
"""Processes of hers that are to run before she goes."""

AS = ("setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups")


def generation(name: str, users: list[str]) -> Generation:
    """A generation with these accounts, of which Alice may do two things as root."""
    path = MACHINE.layout.generations / name
    (path / "logins").mkdir(parents=True)
    told = [{"user": user, "uid": uid_of(user)} for user in users]
    (path / "logins/accounts.json").write_text(json.dumps({"accounts": told}))
    if users:
        (path / "secrets/sudo").mkdir(parents=True)
        (path / accounts.RULES).write_text(RULES)
        (path / accounts.RULES).chmod(0o600)
    stated: dict[str, Any] = {"generation": name, "node": "a", "incarnation": 1, "files": []}
    manifest = {**stated, "interfaces": {}, "mesh": {}, "roles": {}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    return generations.load(MACHINE, name)


def flip(target: Generation) -> list[str]:
    """What of a flip concerns accounts; whatever is left to do afterwards."""
    generations.activate(MACHINE, target.name)
    for one in accounts.differences(MACHINE, target):
        assert one.mend
        one.mend()
    return [one.what for one in accounts.differences(MACHINE, target)]


def may(*command: str) -> bool:
    """Whether Alice runs something by sudo."""
    return (
        subprocess.run([*AS, "sudo", "-n", *command], capture_output=True, check=False).returncode
        == 0
    )


CHAIN = """
import os
beat = os.open("/home/alice/beat", os.O_WRONLY)
while True:
    if os.fork():
        os._exit(0)
    os.utime(beat)
"""


def chained() -> float:
    """For how many seconds a chain that forks and exits without a pause has been silent."""
    time.sleep(0.5)
    (beat,) = Path("/home").rglob("beat")
    return time.time() - beat.stat().st_mtime


def main() -> dict[str, Any]:
    """Come, live, go, come back by an undo, be changed by hand, go for good."""
    seen: dict[str, Any] = {}
    with_her, without = generation("a" * 16, ["alice"]), generation("b" * 16, [])
    generations.confirm(MACHINE, with_her.name)
    seen["made"] = flip(with_her)
    seen["row"] = [getattr(live(MACHINE)["alice"], part) for part in ("uid", "gid", "password")]
    seen["may"] = [may("/usr/bin/id"), may("/usr/bin/id", "-u"), may("/bin/bash", "-c", "id")]
    Path("/home/alice/notes").write_text("hers\n")
    own = subprocess.Popen([*AS, "sleep", "5000"])
    root = subprocess.Popen([*AS, "sudo", "-n", "/usr/bin/sleep", "3000"])
    # Hers, sudo, and what sudo begins.
    end = time.monotonic() + 20
    while len(list(leavings.processes(MACHINE, UID))) < HERS and time.monotonic() < end:
        time.sleep(0.05)
    seen["processes"] = len(list(leavings.processes(MACHINE, UID))), root.poll()
    Path("/home/alice/beat").touch()
    os.chown("/home/alice/beat", UID, UID)
    subprocess.Popen([*AS, sys.executable, "-c", CHAIN]).wait(20)
    seen["chain"] = [chained() < 0.4]
    seen["removed"] = flip(without)
    seen["chain"].append(chained() < 0.4)
    seen["ended"] = [own.wait(20), root.wait(20)]
    seen["may no more"] = may("/usr/bin/id")
    passwd, group = (Path(path).read_text() for path in ("/etc/passwd", "/etc/group"))
    seen["left"] = "alice" in passwd + group or Path("/home/alice").exists()
    seen["undone"] = flip(with_her)
    seen["notes"] = Path("/home/alice/notes").read_text()
    subprocess.run(["usermod", "-aG", "sudo", "-s", "/bin/sh", "alice"], check=True)
    subprocess.run(["chpasswd"], input="alice:x\n", text=True, check=True)
    seen["drift"] = sorted(one.what for one in accounts.differences(MACHINE, with_her))
    seen["mended"] = flip(with_her)
    accounts.end(MACHINE)
    seen["end"] = "alice" in live(MACHINE)
    return seen


if __name__ == "__main__":
    print(json.dumps(main()))  # noqa: T201 - this is how it answers
