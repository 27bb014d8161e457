"""An account that is a file, and programs in the places of pulumi and backplane."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.attention import Attention
from tests.e2e.commands import Commands
from tests.e2e.offer import Cloud, Thing

STACK = "e2e-0badcafe"
OTHER = "e2e-0badcaff"
ADDRESSES = ("192.0.2.1", "192.0.2.2")

ALL = [
    f"pulumi stack init {STACK} --non-interactive",
    f"pulumi up --yes --skip-preview --stack {STACK} --non-interactive",
    f"backplane verify --stack {STACK}",
    f"pulumi stack output --json --stack {STACK}",
    f"backplane audit --stack {STACK}",
    f"pulumi preview --expect-no-changes --stack {STACK} --non-interactive",
    f"pulumi destroy --yes --skip-preview --stack {STACK} --non-interactive",
]
"""What a run asks of programs, in order."""

_RECORDS = """\
#!/bin/bash
printf '%s %s\\n' "${{0##*/}}" "$*" >>'{log}'
{more}
"""

PULUMI = """\
case "$1" in
  up) [ -z "$PULUMI_UP_FAILS" ] || {{ echo server >'{things}'; exit 255; }}
      printf 'server\\naddress\\n' >'{things}' ;;
  destroy) : >'{things}' ;;
  stack) [ "$2" != output ] || echo '{outputs}' ;;
esac
"""


@dataclass(slots=True, kw_only=True)
class FileAccount:
    """`tests.e2e.offer.Account` whose things are the lines of a file.

    Attributes:
        things: the file.
        held: how often the deletion of the first thing is refused.
        stuck: refuse every deletion.
        prices: what `dearer` says.
        deaf: how often it does not answer at all.
        has: its addresses.
    """

    things: Path
    held: int = 0
    stuck: bool = False
    prices: list[str] = field(default_factory=list)
    deaf: int = 0
    has: tuple[str, ...] = ADDRESSES

    def found(self, stack: str) -> list[Thing]:
        """The lines."""
        assert stack == STACK
        if self.deaf:
            self.deaf -= 1
            raise OSError("no route")
        lines = self.things.read_text().split() if self.things.exists() else []
        return [Thing(kind=line, id="1") for line in lines]

    def delete(self, thing: Thing) -> None:
        """Take a line out."""
        if self.held or self.stuck:
            self.held -= 1
            raise OSError("something holds it")
        lines = [line for line in self.things.read_text().split() if line != thing.kind]
        self.things.write_text("\n".join(lines))

    def addresses(self, stack: str) -> list[str]:
        """Two of nobody's (RFC 5737)."""
        assert stack == STACK
        return list(self.has)

    def dearer(self, cloud: Cloud) -> list[str]:
        """What it was told to say."""
        assert cloud.name
        return self.prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A folder with programs that write down what they are asked.

    Attributes:
        folder: it.
    """

    folder: Path

    @property
    def things(self) -> Path:
        """The account's things, as `FileAccount` reads them."""
        return self.folder / "things"

    def program(self, name: str, more: str = "") -> None:
        """Put a program in the place of a real one."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(_RECORDS.format(log=self.folder / "asked", more=more))
        path.chmod(0o755)

    def usual(self, endpoint: str = ADDRESSES[0]) -> None:
        """A pulumi that makes two things and deletes them, and a backplane that is content."""
        public = {"ipv4": endpoint, "ipv6": ADDRESSES[1]}
        outputs = json.dumps({"nodes": {"a": {"public": public}}})
        self.program("pulumi", PULUMI.format(things=self.things, outputs=outputs))
        self.program("backplane", "[ $1 != audit ] || printf 'node  0\\ndark: 0 findings\\n'")

    @property
    def path(self) -> str:
        """PATH with the programs first."""
        return os.pathsep.join((str(self.folder / "bin"), os.environ["PATH"]))

    def asked(self) -> list[str]:
        """What programs were asked, a line each."""
        log = self.folder / "asked"
        return log.read_text().splitlines() if log.exists() else []

    def commands(
        self,
        said: list[str],
        *,
        grace: float = 60,
        attention: Attention | None = None,
        **more: str,
    ) -> Commands:
        """What runs them; a busy computer may take its time to end one."""
        return Commands(
            directory=self.folder,
            environment={"PATH": self.path, **more},
            log=self.folder / "log.txt",
            say=said.append,
            grace=grace,
            attention=attention or Attention(),
        )
