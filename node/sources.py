"""What Debian's main does not give: contrib beside it, and the headers of the running kernel."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from node.machine import Machine

FILES = {
    ".list": "/etc/apt/sources.list.d/backplane.list",
    ".sources": "/etc/apt/sources.list.d/backplane.sources",
}
"""What is added, by the form that it is written in (sources.list(5))."""

_FIX = "add `contrib` to Debian's entries in the machine's apt sources, then try again"
_FLAVOUR = re.compile(r"-((?:cloud-|rt-)?[a-z0-9]+)$")
_COMPONENTS = re.compile(r"^Components:(.*)$", re.MULTILINE | re.IGNORECASE)
_LINE = re.compile(r"^(deb\s+(?:\[[^\]]*\]\s+)?\S+\s+\S+)\s+(.+)$")
_HEADERS = "linux-headers-"


def headers(machine: Machine, packages: Iterable[str]) -> list[str]:
    """What packages need that build a module: the running kernel's headers, and every later one's.

    Args:
        machine: The machine.
        packages: Debian packages; those that build one end with ``-dkms``.
    """
    if not any(name.endswith("-dkms") for name in packages):
        return []
    # A container has another's kernel, and builds nothing for it.
    if machine.commands.run(["systemd-detect-virt", "--quiet", "--container"]).code == 0:
        return []
    told = machine.commands.must(["uname", "--kernel-release"], why="no kernel", fix=_FIX)
    release = told.strip()
    flavour = _FLAVOUR.search(release)
    return [f"{_HEADERS}{release}", *([f"{_HEADERS}{flavour[1]}"] if flavour else [])]


def widen(machine: Machine, names: Iterable[str]) -> bool:
    """Let apt see Debian's contrib beside main, if it does not see a package; whether it now does.

    Not all that roles need is in main: ZFS is in contrib, for its licence (Debian Policy 2.2). Each
    of Debian's own entries is written once more with that component, and keeps its options and key.
    """
    shown = ["apt-cache", "--quiet=0", "show", "--no-all-versions"]
    wanted = [name for name in names if not name.startswith(_HEADERS)]
    if all(machine.commands.run([*shown, name]).code == 0 for name in wanted):
        return False
    ours = _debians(machine)
    added = False
    for form, at in FILES.items():
        text = "".join(_entries(machine, form, ours))
        if text:
            path = machine.layout.at(at)
            machine.disk.ensure_directory(path.parent, 0o755)
            machine.disk.replace(path, text.encode(), 0o644)
            added = True
    return added


def narrow(machine: Machine) -> None:
    """Take back what `widen` added: apt does not take it."""
    for at in FILES.values():
        machine.disk.remove(machine.layout.at(at))


def _debians(machine: Machine) -> set[str]:
    """The addresses of Debian's own archives among apt's sources."""
    told = machine.commands.must(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(REPO_URI)|", "Created-By: Packages"],
        why="apt does not tell its sources",
        fix=_FIX,
    )
    rows = (line.split("|") for line in told.splitlines())
    return {row[1].rstrip("/") for row in rows if row[0] == "Debian"}


def _entries(machine: Machine, form: str, ours: set[str]) -> Iterator[str]:
    folder, single = (machine.layout.at(f"/etc/apt/sources.list{end}") for end in (".d", ""))
    paths = [*([single] if form == ".list" else []), *sorted(folder.glob(f"*{form}"))]
    for path in paths:
        if path.is_file() and str(path) != str(machine.layout.at(FILES[form])):
            yield from (_lines if form == ".list" else _stanzas)(path, ours)


def _lines(path: Path, ours: set[str]) -> Iterator[str]:
    """One entry a line: `deb [options] address suite components`."""
    for line in path.read_text(encoding="utf-8").splitlines():
        found = _LINE.match(line.strip())
        if found and _lacks(found[2]) and any(uri in found[1] for uri in ours):
            yield f"{found[1]} contrib\n"


def _stanzas(path: Path, ours: set[str]) -> Iterator[str]:
    """One entry a stanza (deb822): the key may stand in it, over many lines."""
    for stanza in re.split(r"\n[ \t]*\n", path.read_text(encoding="utf-8")):
        found = _COMPONENTS.search(stanza)
        if found and _lacks(found[1]) and any(uri in stanza for uri in ours):
            widened = _COMPONENTS.sub("Components: contrib", stanza).strip("\n")
            yield f"{widened}\n\n"


def _lacks(components: str) -> bool:
    return "main" in components.split() and "contrib" not in components.split()
