"""The demo: the main job on stack `lab`, from an empty lab to a verified mesh, and back."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from lab.setup import paths, toolchain

_STACK = "lab"
_UP = ("pulumi", "up", "--yes", "--suppress-outputs")


def _verb(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("backplane")), *arguments]


class _Demo:
    """Runs one step after the other, each announced, until one fails."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._times: list[tuple[str, float]] = []
        self.env: dict[str, str] = toolchain.environment()

    def step(self, title: str, arguments: Sequence[str], fix: str) -> bool:
        """Run one command with its output in view; a failure says step, reason and fix."""
        self._console.rule(title, align="left")
        began = time.monotonic()
        code = subprocess.run(arguments, cwd=paths.ROOT, env=self.env, check=False).returncode
        self._times.append((title, time.monotonic() - began))
        if code == 0:
            return True
        shown = " ".join([Path(arguments[0]).name, *arguments[1:]])
        self._console.print(
            f"stopped at: {title}\n  reason: `{shown}` ended with exit status {code}; see above\n"
            f"  fix: {fix}",
            style="bold red",
            markup=False,
        )
        return False

    def enter(self) -> bool:
        """Take on the lab's environment: its API, its token, its backend and passphrase."""
        done = subprocess.run(
            _verb("lab", "env", "--json"), cwd=paths.ROOT, env=self.env,
            stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            self.env |= {str(k): str(v) for k, v in json.loads(done.stdout).items()}
        return done.returncode == 0

    def told(self) -> str:
        """How long each step took."""
        total = sum(seconds for _, seconds in self._times)
        parts = ", ".join(f"{title} {seconds:.0f} s" for title, seconds in self._times)
        return f"{parts}; {total:.0f} s in all"


def up(console: Console) -> int:
    """Switch the lab on, run `pulumi up`, verify, and say what can be done next."""
    run = _Demo(console)
    again = "put right what it says, then `make demo` again; it goes on where it stopped"
    done = (
        run.step("lab up", _verb("lab", "up"), again)
        and run.enter()
        and run.step("stack", ["pulumi", "stack", "select", "--create", _STACK], again)
        and run.step("pulumi up", [*_UP, "--stack", _STACK], again)
        and run.step("verify", _verb("verify", "--stack", _STACK), again)
        and run.step("what there is", _verb("lab", "status"), again)
    )
    if not done:
        return 1
    console.rule("done", align="left")
    console.print(
        f"{run.told()}\n{toolchain.announce()}\n"
        "Four real machines on two sites, dark outside, all planes answering inside.\n"
        "  look around:  .venv/bin/backplane lab status\n"
        '  by hand:      eval "$(.venv/bin/backplane lab env)"; pulumi preview --stack lab\n'
        "  as stranger:  ip netns exec bp-internet nmap -Pn 198.51.100.17\n"
        "  the end:      make demo-down",
        markup=False,
        highlight=False,
    )
    return 0


def down(console: Console) -> int:
    """Destroy the stack if its lab is up, and in any case leave nothing of the lab behind."""
    try:
        run = _Demo(console)
    except toolchain.ToolchainError:
        console.print("nothing was set up here, so there is nothing to take down")
        return 0
    switched_on = subprocess.run(
        _verb("lab", "status"), cwd=paths.ROOT, env=run.env, check=False,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    destroyed = True
    if switched_on.returncode == 0 and run.enter():
        destroyed = run.step(
            "pulumi destroy",
            ["pulumi", "destroy", "--yes", "--skip-preview", "--stack", _STACK],
            "the lab goes down all the same, and the stack's state with it",
        )
    gone = run.step("lab down", _verb("lab", "down"), "run `make demo-down` again as root")
    console.print(run.told(), highlight=False)
    return 0 if destroyed and gone else 1
