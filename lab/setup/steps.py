"""Steps of set-up: run side by side, told as they go, and explained when they fail."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from lab.setup import paths

Say = Callable[[str], None]
Work = Callable[[Say], str]


class SetupError(Exception):
    """A step failed.

    Attributes:
        reason: what went wrong, in the words of whatever went wrong.
        fix: what a person can do about it.
    """

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


@dataclass(slots=True, kw_only=True)
class Step:
    """One step.

    Attributes:
        name: what it sets up, as people read it.
        work: does it, tells progress through its argument, and returns what there is now.
        after: steps that must be done before.
    """

    name: str
    work: Work
    after: Sequence["Step"] = ()
    done: threading.Event = field(default_factory=threading.Event)
    error: SetupError | None = None


def run(steps: Sequence[Step], console: Console) -> bool:
    """Run all steps, each as soon as those before it are done; True if every one succeeded.

    A step whose predecessor failed is not begun. Each line says when (seconds since the start),
    which step, and what; a failure says step, reason and fix.
    """
    began = time.monotonic()
    told = threading.Lock()

    def tell(step: Step, line: str, style: str = "") -> None:
        with told:
            stamp = f"{time.monotonic() - began:5.0f} s"
            console.print(
                f"{stamp}  {step.name}: {line}", style=style, markup=False, highlight=False
            )

    def one(step: Step) -> None:
        try:
            for before in step.after:
                before.done.wait()
            if any(before.error for before in step.after):
                step.error = SetupError("a step before it failed", "see above")
                return
            tell(step, step.work(lambda line: tell(step, line, "dim")), "green")
        except SetupError as error:
            step.error = error
            tell(step, f"FAILED\n  reason: {error.reason}\n  fix: {error.fix}", "bold red")
        except Exception as error:
            step.error = SetupError(f"{type(error).__name__}: {error}", "this is a bug: report it")
            tell(
                step, f"FAILED\n  reason: {step.error.reason}\n  fix: {step.error.fix}", "bold red"
            )
            raise
        finally:
            step.done.set()

    with ThreadPoolExecutor(max_workers=max(1, len(steps))) as pool:
        for future in [pool.submit(one, step) for step in steps]:
            future.result()
    return all(step.error is None for step in steps)


def command(
    arguments: Sequence[str],
    *,
    say: Say,
    fix: str,
    limit: float,
    env: Mapping[str, str] | None = None,
    directory: Path = paths.ROOT,
    every: float = 20,
) -> None:
    """Run a long program, telling its newest line every so many seconds.

    Args:
        arguments: the program and its arguments.
        say: where progress goes.
        fix: what to tell people when it fails.
        limit: seconds after which it is ended.
        env: variables to set besides the present ones.
        directory: where it runs.
        every: seconds between two lines of progress.

    Raises:
        SetupError: it failed; its last lines are the reason.
    """
    try:
        process = subprocess.Popen(
            list(arguments), cwd=directory, env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
        )  # fmt: skip
    except OSError as error:
        raise SetupError(f"{arguments[0]}: {error.strerror}", fix) from error
    lines: list[str] = []
    reader = threading.Thread(target=_collect, args=(process, lines), daemon=True)
    reader.start()
    until, next_line = time.monotonic() + limit, time.monotonic() + every
    while reader.is_alive():
        reader.join(timeout=0.2)
        now = time.monotonic()
        if now > until:
            process.kill()
            process.wait()
            raise SetupError(f"{arguments[0]} was not done after {limit:.0f} s", fix)
        if now > next_line:
            say(lines[-1] if lines else "still at it")
            next_line = now + every
    if process.wait() != 0:
        tail = "\n          ".join(lines[-15:]) or "it printed nothing"
        code = process.returncode
        raise SetupError(f"{' '.join(arguments[:3])} … exit status {code}:\n          {tail}", fix)


def _collect(process: "subprocess.Popen[str]", lines: list[str]) -> None:
    lines.extend(line.rstrip() for line in process.stdout or () if line.strip())
