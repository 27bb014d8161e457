"""A run: up, verify, an audit from outside, an empty preview, destroy; and always the sweep."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.attention import Interrupt, Say
from tests.e2e.commands import BrokenError, Commands
from tests.e2e.offer import LIMITS, Account, Cloud
from tests.e2e.report import Report, Step
from tests.e2e.sweep import PAUSE, sweep

WELL, FAILED, REFUSED, LEFT = 0, 1, 2, 3
"""Exit codes; after a signal there is another, unless something is left."""

SIGNAL = 128
"""What a signal's number is added to in the exit code, as shells do."""

_FAR = "2606:4700:4700::1111"
"""An address of the internet that is asked nothing: a way there is a way out by IPv6."""


def _ipv6() -> bool:
    """Whether this machine has a way out by IPv6."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_FAR, 9))
        except OSError:
            return False
    return True


def _tunnel_down(stack: str) -> None:
    from runner.tunnel import sweep as take_down  # noqa: PLC0415 - only where something went wrong

    take_down(stack)


@dataclass(slots=True, kw_only=True)
class Flow:
    """One run.

    Attributes:
        cloud: where.
        account: the account there.
        stack: the run's name.
        commands: runs its programs.
        report: gets every step.
        say: tells people.
        deaf: called before the sweep, which no signal cuts short.
        ipv6: whether this machine can look over IPv6.
        tidy: takes down what a run that was cut left of the runner's tunnel.
        pause: seconds between rounds of the sweep.
    """

    cloud: Cloud
    account: Account
    stack: str
    commands: Commands
    report: Report
    say: Say
    deaf: Callable[[], None] = lambda: None
    ipv6: Callable[[], bool] = _ipv6
    tidy: Callable[[str], None] = _tunnel_down
    pause: float = PAUSE

    def go(self) -> int:
        """All of it; the exit code, which the report gets too."""
        steps = {
            "price list": self._prices,
            "stack": self._init,
            "up": self._up,
            "verify": self._verify,
            "audit": self._audit,
            "second preview": self._preview,
            "destroy": self._destroy,
            "look": self._look,
        }
        code, begun = WELL, ""
        try:
            for begun, work in steps.items():
                self._step(begun, work)
        except BrokenError:
            code = FAILED
        except Interrupt as interrupt:
            code = SIGNAL + interrupt.number
        finally:
            self.deaf()
            code = self._end(code, begun)
        return code

    def _end(self, code: int, begun: str) -> int:
        # Who wants it to end does not wait for an orderly destroy.
        if code == FAILED and begun not in ("price list", "stack", "destroy", "look"):
            self._attempt("destroy", self._destroy)
        swept = self._attempt("sweep", self._sweep)
        if code != WELL:
            self._attempt("tunnel", self._tidy)
        self.report.code = code if swept else LEFT
        return self.report.code

    def _attempt(self, name: str, work: Callable[[], str]) -> bool:
        try:
            self._step(name, work)
        except BrokenError:
            return False
        return True

    def _step(self, name: str, work: Callable[[], str]) -> None:
        """Run a step and write down how it went.

        Raises:
            BrokenError: It went wrong.
        """
        step = Step(name=name, outcome="cut")
        self.report.steps.append(step)
        self.say(f"== {name}")
        began = time.monotonic()
        try:
            step.detail = work()
            step.outcome = "well"
        except BrokenError as error:
            step.outcome = str(error)
            raise
        except Exception as error:
            step.outcome = f"{type(error).__name__}: {str(error)[:300]}"
            raise BrokenError(step.outcome) from error
        finally:
            step.seconds = round(time.monotonic() - began, 1)
            self.say(f"== {name}: {step.outcome} ({step.seconds:.1f} s) {step.detail}")

    def _pulumi(self, name: str, *words: str) -> str:
        return self.commands.run(
            *("pulumi", *words, "--stack", self.stack, "--non-interactive"), limit=LIMITS[name]
        )

    def _prices(self) -> str:
        wrong = self.account.dearer(self.cloud)
        if wrong:
            raise BrokenError("; ".join(wrong))
        return "not above what was told, as far as the vendor's API says"

    def _init(self) -> str:
        words = ("pulumi", "stack", "init", self.stack, "--non-interactive")
        self.commands.run(*words, limit=LIMITS["stack"])
        return ""

    def _up(self) -> str:
        self._pulumi("up", "up", "--yes", "--skip-preview")
        return f"{len(self.account.found(self.stack))} things carry the label"

    def _verify(self) -> str:
        self.commands.run("backplane", "verify", "--stack", self.stack, limit=LIMITS["verify"])
        return "every pair on every plane"

    def _audit(self) -> str:
        words = ("pulumi", "stack", "output", "--json", "--stack", self.stack)
        outputs = json.loads(self.commands.run(*words, limit=LIMITS["audit"], quiet=True))
        named = {at for node in outputs["nodes"].values() for at in node["public"].values() if at}
        addresses = {*self.account.addresses(self.stack)}
        if strange := sorted(named - addresses):
            raise BrokenError(f"{', '.join(strange)} is no address with the label: not knocked on")
        if hidden := sorted(addresses - named):
            raise BrokenError(f"{', '.join(hidden)} has the label and no output names it")
        less = () if self.ipv6() else ("--without", "ipv6")
        words = ("backplane", "audit", "--stack", self.stack, *less)
        return self.commands.run(*words, limit=LIMITS["audit"]).strip().rpartition("\n")[2]

    def _preview(self) -> str:
        self._pulumi("second preview", "preview", "--expect-no-changes")
        return "no change"

    def _destroy(self) -> str:
        self._pulumi("destroy", "destroy", "--yes", "--skip-preview")
        return ""

    def _look(self) -> str:
        if left := self.account.found(self.stack):
            raise BrokenError(f"destroy left {', '.join(map(str, left))}")
        return "nothing carries the label"

    def _sweep(self) -> str:
        left = sweep(self.account, self.stack, self.say, pause=self.pause)
        self.report.left = [str(one) for one in left]
        if left:
            raise BrokenError(f"still there: {', '.join(self.report.left)}")
        return "nothing carries the label"

    def _tidy(self) -> str:
        self.tidy(self.stack)
        return ""
