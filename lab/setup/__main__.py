"""`python -m lab.setup TARGET`: sets up what a make target needs, then does it."""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from lab.setup import demo, engine, lock, packages, paths, plugins, steps, toolchain

_LONG = {
    "alerts": ("tests.bench.alerts",),
    "bench-change": ("tests.bench.change",),
    "bench-failover": ("tests.bench.failover",),
    "bench-preview": ("tests.bench.preview",),
    "soak": ("tests.soak",),
    "tour": ("tests.bench.tour",),
    "faults": (
        "pytest",
        "tests/lab/test_faults.py",
        "tests/lab/test_takeover.py",
        "tests/lab/test_takeover_back.py",
        "tests/lab/test_acceptance_3_people.py",
        "tests/lab/test_acceptance_4_rebuild.py",
        "tests/lab/test_acceptance_8_links.py",
        "tests/lab/test_acceptance_8_routes.py",
        "tests/lab/test_acceptance_8_switch.py",
        "--every-fault",
        "-v",
    ),
}
"""What takes long and has a target of its own: the module to become, and its first words."""

_ON_A_CLOUD = {"e2e-hetzner": "hetzner", "e2e-aws": "aws"}
"""What is paid for: it says so first, and sets up what it needs when somebody has agreed."""

_ON_PAPER = ("bench-preview",)
"""Those that need no lab."""

_TARGETS = ("check", "test", *_LONG, *_ON_A_CLOUD, "setup", "demo", "demo-down", "lint", "lock")
_GATE = tuple(
    f"tests/{level}"
    for level in (
        "gate",
        "core",
        "golden",
        "components",
        "e2e",
        "node",
        "plugins",
        "runner",
        "scripts",
        "setup",
        "soak",
    )
)

# Two at a time; the longest, such as killing the node tool at each of its steps, run in `test`.
_TWO = ("-n", "2", "--dist", "loadfile", "-m")
_FAST = (*_TWO, "not slow and not lab and not engine and not browser")
# The machines are measured, and have the computer alone.
_BESIDE, _ALONE = (*_TWO, "not lab"), ("-m", "lab")


def lab_refusal() -> str | None:
    """Why the lab can't run on this machine, as one sentence with the way out; None if it can."""
    if sys.platform != "linux":
        return f"the lab boots Linux machines and this is {sys.platform}: use a Linux machine"
    if os.geteuid() != 0:
        return "the lab makes namespaces and machines, which needs root: run it with sudo"
    return None


def _image(say: steps.Say) -> str:
    steps.command(
        [sys.executable, "-m", "lab.image", "debian-12"],
        say=say, fix="see the lines above, then try again", limit=1200,
    )  # fmt: skip
    return "debian-12 there"


def prepare(console: Console, *, lab: bool) -> bool:
    """Set up what is missing: engine and plugins, for the lab packages and image beside them."""
    engine_step = steps.Step(name="engine", work=engine.ensure)
    todo = [engine_step, steps.Step(name="plugins", work=plugins.ensure, after=[engine_step])]
    if lab:
        packages_step = steps.Step(name="packages", work=packages.ensure)
        todo += [packages_step, steps.Step(name="image", work=_image, after=[packages_step])]
    return steps.run(todo, console)


def _lint() -> int:
    """Format, and mend what ruff can mend; what is left is told by it."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    subprocess.run([ruff, "format", "."], cwd=paths.ROOT, check=True)
    return subprocess.run([ruff, "check", "--fix", "."], cwd=paths.ROOT, check=False).returncode


def become(module: str, arguments: Sequence[str]) -> NoReturn:
    """Become another program, so that its closing lines and exit code are this command's."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.chdir(paths.ROOT)
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606  it takes over


def _suite() -> int:
    """Everything, in two parts; the second runs whatever became of the first."""
    codes = [
        subprocess.run(
            [sys.executable, "-m", "pytest", *part], cwd=paths.ROOT, check=False
        ).returncode
        for part in (_BESIDE, _ALONE)
    ]
    # A part that was ended by a signal has a negative code.
    return 1 if any(codes) else 0


def main() -> int:
    """Set up for one target and run it."""
    parser = argparse.ArgumentParser(prog="python -m lab.setup", description=__doc__)
    parser.add_argument("target", choices=_TARGETS)
    known, rest = parser.parse_known_args()
    console = Console(soft_wrap=True, stderr=known.target not in ("test", *_LONG))
    if known.target == "check":
        folders = [folder for folder in _GATE if (paths.ROOT / folder).is_dir()]
        become("pytest", [*_FAST, *folders, *rest])
    if known.target in _ON_A_CLOUD:
        become("tests.e2e", [_ON_A_CLOUD[known.target], *rest])
    if known.target in ("lint", "lock"):
        return _lint() if known.target == "lint" else lock.ensure()
    refusal = lab_refusal()
    if known.target in {"demo", "demo-down", *_LONG}.difference(_ON_PAPER) and refusal:
        console.print(f"make {known.target}: {refusal}; `make check` works here.", style="bold red")
        return 1
    if known.target == "demo-down":
        return demo.down(console)
    if refusal:
        console.print(f"without the lab level: {refusal}", style="yellow", markup=False)
    if not prepare(console, lab=refusal is None and known.target not in _ON_PAPER):
        return 1
    console.print(toolchain.announce(), style="bold", markup=False, highlight=False)
    if known.target == "test":
        return _suite() if not rest else become("pytest", rest)
    if known.target in _LONG:
        module, *words = _LONG[known.target]
        become(module, [*words, *rest])
    return demo.up(console) if known.target == "demo" else 0


if __name__ == "__main__":
    sys.exit(main())
