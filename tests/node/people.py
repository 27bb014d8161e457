"""Accounts, processes and owners of a machine in memory, as its programs change them."""

import itertools
import shutil
from pathlib import Path

from node.layout import Layout

PASSWD = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
FILES = {
    "/etc/passwd": PASSWD,
    "/etc/shadow": "root:*:19000::::::\ndaemon:*:19000::::::\n",
    "/etc/group": "root:x:0:\ndaemon:x:1:\nsudo:x:27:\n",
}
OWNERS = ".owners"
"""Where owners are noted: nobody but root can give a file away, and tests need not be root."""


class People:
    """What passwd's tools do, on files below a root of its own.

    Attributes:
        layout: Where.
        unseen: Users of whom something runs that forks and exits before anybody lists it.
    """

    layout: Layout
    unseen: frozenset[int] = frozenset()

    def settle_people(self) -> None:
        """Have the accounts of a machine that was just installed."""
        for path, text in FILES.items():
            self._at(path).parent.mkdir(parents=True, exist_ok=True)
            if not self._at(path).exists():
                self._at(path).write_text(text, encoding="utf-8")
        self._at("/home").mkdir(exist_ok=True)

    def run_as(self, pid: int, uid: int, **told: str) -> Path:
        """Have a process: `loginuid`, `cgroup` and `environ` say what they say."""
        folder = self._at(f"/proc/{pid}")
        folder.mkdir(parents=True)
        texts = {
            "status": f"Name:\tx\nState:\tS (sleeping)\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\n",
            "cgroup": "0::/\n",
        }
        for name, text in {**texts, "environ": "", **told}.items():
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    def owner(self, path: Path) -> int:
        """Whose a file is, by what was noted of it; a directory takes that along when it moves."""
        note = path / OWNERS
        return int(note.read_text()) if path.is_dir() and note.exists() else 0

    def _at(self, path: str) -> Path:
        return self.layout.at(path)

    def _lines(self, path: str) -> list[str]:
        return self._at(path).read_text(encoding="utf-8").splitlines()

    def _write(self, path: str, lines: list[str]) -> None:
        self._at(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def _without(self, path: str, name: str) -> bool:
        lines = self._lines(path)
        self._write(path, [line for line in lines if line.split(":")[0] != name])
        return len(lines) > len(self._lines(path))

    def _groupadd(self, argv: list[str]) -> str | None:
        assert argv[0] == "--gid"
        lines = self._lines("/etc/group")
        if any(line.split(":")[0] == argv[2] or line.split(":")[2] == argv[1] for line in lines):
            return None
        self._write("/etc/group", [*lines, f"{argv[2]}:x:{argv[1]}:"])
        return ""

    def _groupdel(self, argv: list[str]) -> str | None:
        return "" if self._without("/etc/group", argv[0]) else None

    def _useradd(self, argv: list[str]) -> str | None:
        told = dict(itertools.pairwise(argv))
        user, uid = argv[-1], told["--uid"]
        lines = self._lines("/etc/passwd")
        if any(line.split(":")[0] == user or line.split(":")[2] == uid for line in lines):
            return None
        row = [user, "x", uid, told["--gid"], told["--comment"], told["--home-dir"]]
        self._write("/etc/shadow", [*self._lines("/etc/shadow"), f"{user}:{told['--password']}:1:"])
        self._write("/etc/passwd", [*lines, ":".join([*row, told["--shell"]])])
        if "--create-home" in argv:
            self._at(told["--home-dir"]).mkdir(mode=0o700)
            self._chown(["--no-dereference", f"{uid}:{uid}", str(self._at(told["--home-dir"]))])
        return ""

    def _userdel(self, argv: list[str]) -> str:
        *forced, user = argv
        assert forced == ["--force"]
        self._without("/etc/shadow", user)
        self._without("/etc/passwd", user)
        groups = [line.split(":") for line in self._lines("/etc/group")]
        left = [[*row[:3], row[3].replace(user, "")] for row in groups if row[0] != user]
        self._write("/etc/group", [":".join(row) for row in left])
        return ""

    def _usermod(self, argv: list[str]) -> str:
        part, value, user = argv
        if part == "--groups":
            rows = [line.split(":") for line in self._lines("/etc/group")]
            self._write("/etc/group", [":".join([*r[:3], r[3].replace(user, "")]) for r in rows])
            return ""
        path = "/etc/shadow" if part == "--password" else "/etc/passwd"
        place = {"--password": 1, "--gid": 3, "--home": 5, "--shell": 6}[part]
        rows = [line.split(":") for line in self._lines(path)]
        for row in rows:
            if row[0] == user:
                row[place] = value
        self._write(path, [":".join(row) for row in rows])
        return ""

    def _kill(self, argv: list[str]) -> str:
        assert argv[0] == "-KILL"
        for pid in argv[1:]:
            shutil.rmtree(self._at(f"/proc/{pid}"), ignore_errors=True)
        return ""

    def _python3(self, argv: list[str]) -> str:
        """What kills all that runs as a user, seen in /proc or not."""
        *_, uid = argv
        assert uid not in {"0", "-1"}
        for status in self._at("/proc").glob("[0-9]*/status"):
            text = status.read_text()
            if "zombie" not in text and uid in text.split("Uid:")[1].split():
                shutil.rmtree(status.parent)
        self.unseen = self.unseen - {int(uid)}
        return ""

    def _umount(self, argv: list[str]) -> str | None:
        *_, home = argv
        return "" if Path(home).is_dir() else None

    def _chown(self, argv: list[str]) -> str:
        path = Path(argv[2])
        if path.is_dir():
            (path / OWNERS).write_text(argv[1].partition(":")[0])
        return ""
