"""What a command printed, what is shown of it while it runs, and the error when it failed."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from lab.plugins.common import PluginError

Show = Callable[[str, str], Awaitable[None]]

# Which streams each value of `logging` shows; without `logging` the official provider shows both.
_SHOWN = {
    None: ("stdout", "stderr"),
    "stdout": ("stdout",),
    "stderr": ("stderr",),
    "stdoutAndStderr": ("stdout", "stderr"),
    "none": (),
}
LOGGING = tuple(name for name in _SHOWN if name is not None)


@dataclass(slots=True)
class Outcome:
    """Both streams as they came in, alone and in the order of arrival."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    both: bytearray = field(default_factory=bytearray)

    def outputs(self) -> dict[str, str]:
        """What goes into the state: both texts without their one last line break."""
        return {"stdout": _text(self.stdout), "stderr": _text(self.stderr)}

    def failure(self, command: str, reason: str) -> PluginError:
        """The official provider's error: reason, the whole command and all it printed.

        That is why no secret may stand in a command's text or output.
        """
        printed = self.both.decode(errors="replace")
        return PluginError(f"{reason}: running {json.dumps(command)}:\n{printed}")


def _text(data: bytearray) -> str:
    return data.decode(errors="replace").removesuffix("\n")


class Stream:
    """One stream of a running command: kept whole, and shown line by line where asked for."""

    def __init__(self, outcome: Outcome, name: str, logging: str | None, show: Show) -> None:
        self._own = outcome.stdout if name == "stdout" else outcome.stderr
        self._both = outcome.both
        self._show = show if name in _SHOWN[logging] else None
        self._line = bytearray()

    async def feed(self, data: bytes) -> None:
        """Take the next piece."""
        self._own += data
        self._both += data
        if self._show is None:
            return
        self._line += data
        while b"\n" in self._line:
            line, _, rest = bytes(self._line).partition(b"\n")
            self._line = bytearray(rest)
            await self._show("info", line.decode(errors="replace"))

    async def end(self) -> None:
        """Show what came after the last line break."""
        if self._show is not None and self._line:
            await self._show("info", self._line.decode(errors="replace"))
            self._line.clear()
