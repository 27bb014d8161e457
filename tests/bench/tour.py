"""`make tour`: writes docs/tour.md, a day with a mesh, with what the real commands print.

In a lab of its own; takes some minutes. What people read between the commands stands here; what is
printed comes from the run, and a test compares the two apart.
"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tests.lab.mesh import STACK, Mesh

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tour.md"
PICTURE = ROOT / "docs" / "pictures" / "tour.svg"

HEAD = """\
# A tour

Four Debian machines on two sites in the lab, from nothing to a mesh, and a few acts of its days.
What stands in the boxes is what the commands printed: `make tour` writes this page. The same mesh
is yours by `make demo`.
"""

TAIL = """\
## Read on

[Every runbook](../README.md#read-on) is one such act in full, the bad days among them.
"""

WIDTH = 100
_NOISE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TAKES = 1200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop of the tour.

    Attributes:
        title: its heading.
        says: what people read before what is printed.
        command: as it is typed, without `--stack`.
        shown: how many of the last lines are printed; None for all.
        code: the exit code that belongs to it.
        before: what somebody does meanwhile, by hand.
    """

    title: str
    says: str
    command: str
    shown: int | None = None
    code: int = 0
    before: Callable[[Mesh], None] | None = None


def _opened(mesh: Mesh) -> None:
    mesh.lab.on("hel-b").succeed(
        "nft insert rule inet backplane input tcp dport 8080 accept; "
        "ip address add 10.202.2.99/32 dev wg2"
    )


STOPS = (
    Stop(
        title="What would come",
        says="`stacks/Pulumi.lab.yaml` declares sites, nodes and what they run, in thirty lines. A "
        "preview needs no machine, no key and no tunnel.",
        command="pulumi preview --suppress-outputs",
        shown=2,
    ),
    Stop(
        title="From nothing",
        says="Machines are ordered dark: at no second does one answer anything but WireGuard. Each "
        "is reached over enrollment, once; then all take their first generation together.",
        command="pulumi up --yes --skip-preview --suppress-outputs",
        shown=8,
    ),
    Stop(
        title="Does it hold",
        says="Every pair of nodes on every plane, over IPv4 and IPv6, and every door.",
        command="backplane verify",
    ),
    Stop(
        title="From outside",
        says="What a stranger on the internet finds: nothing, after it has proved that it can see.",
        command="backplane audit --from lab",
    ),
    Stop(
        title="Where each node stands",
        says="One generation everywhere, confirmed; both ways in.",
        command="backplane status",
    ),
    Stop(
        title="Somebody comes",
        says="One line of the declaration, with a last day. The phone could bring its own key.",
        command="backplane operator add alice-phone --plane management --expires 2027-03-31",
    ),
    Stop(
        title="A change takes effect",
        says="Staged on all nodes, flipped at one moment, checked, confirmed; had one refused, all "
        "would be where they were.",
        command="pulumi up --yes --skip-preview --suppress-outputs",
        shown=8,
    ),
    Stop(
        title="A phone is lost",
        says="Every node refuses it, entry nodes first where there are some, and says how soon.",
        command="backplane operator revoke alice-phone",
    ),
    Stop(
        title="Somebody opened a port by hand",
        says="What is live, on each node and in the cloud's firewall, against what was declared.",
        command="backplane drift",
        code=1,
        before=_opened,
    ),
    Stop(
        title="Put right",
        says="By a rollout like any other.",
        command="backplane drift --repair",
        shown=6,
    ),
)


def page(printed: Iterator[str]) -> str:
    """The page.

    Args:
        printed: what each stop printed, in order.
    """
    parts = [HEAD]
    for stop, text in zip(STOPS, printed, strict=True):
        parts += [
            f"## {stop.title}\n",
            f"{_wrapped(stop.says)}\n",
            f"```text\n$ {stop.command}\n{text.rstrip()}\n```\n",
        ]
    parts += [
        "## On the wall\n",
        "`backplane map` writes the same as one page without any network; `--svg` as a picture:\n",
        "![The mesh of this tour](pictures/tour.svg)\n",
        TAIL,
    ]
    return "\n".join(parts)


def _wrapped(text: str) -> str:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) + 1 > WIDTH:
            lines.append(line)
            line = ""
        line = f"{line} {word}".lstrip()
    return "\n".join([*lines, line])


def told(stop: Stop, text: str) -> str:
    """What is shown of what a command printed."""
    lines = [line.rstrip() for line in _NOISE.sub("", text).splitlines() if line.strip()]
    if stop.shown is None or len(lines) <= stop.shown:
        return "\n".join(lines)
    return "\n".join(["…", *lines[-stop.shown :]])


def _run(mesh: Mesh, stop: Stop, stack: str) -> str:
    if stop.before:
        stop.before(mesh)
    # The demo's lab has no name to be given; this one does.
    there = f"lab:{mesh.lab.lab.name}"
    program, *words = shlex.split(stop.command.replace("--from lab", f"--from {there}"))
    known = [str(mesh.project / ".venv/bin/python"), "-m", "scripts.cli"]
    start = known if program == "backplane" else [program]
    done = mesh.run("env", f"COLUMNS={WIDTH}", *start, *words, "--stack", stack, seconds=_TAKES)
    if done.code != stop.code:
        raise SystemExit(f"{stop.command}: ended {done.code}\n{done.out}\n{done.err}")
    return told(stop, done.out.replace(there, "lab"))


def main() -> int:
    """Make the mesh, walk, write."""
    console, began = Console(soft_wrap=True, highlight=False, markup=False), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="backplane-tour-") as name:
        mesh = Mesh.make(Path(name))
        printed = []
        try:
            for stop in STOPS:
                console.print(f"{time.monotonic() - began:6.0f} s  {stop.command}")
                printed.append(_run(mesh, stop, STACK))
            drawn = mesh.backplane("map", "--svg", "--out", str(PICTURE), "--stack", STACK)
            if drawn.code != 0:
                raise SystemExit(drawn.err)
        finally:
            mesh.end()
    PAGE.write_text(page(iter(printed)), encoding="utf-8")
    console.print(f"{time.monotonic() - began:6.0f} s  wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
