"""Which Debian mirror this computer itself uses: the lab asks no other."""

from __future__ import annotations

import os
from dataclasses import dataclass

from lab.layout import LabError
from lab.process import run

_KEPT = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Where Debian's packages come from.

    Attributes:
        main: The archive's address.
        security: The security archive's address; None when this computer uses none.
        options: Lines of apt's configuration that are about fetching (proxies and the like).
    """

    main: str
    security: str | None
    options: str

    def sources(self, suite: str) -> str:
        """Return the text of a `sources.list` for a Debian release."""
        lines = [f"deb {self.main} {suite} main", f"deb {self.main} {suite}-updates main"]
        if self.security is not None:
            lines.append(f"deb {self.security} {suite}-security main")
        return "\n".join(lines) + "\n"


def find() -> Mirror:
    """Read the mirror from apt's configuration, or from `BACKPLANE_DEBIAN_MIRROR`.

    Raises:
        LabError: Neither names a Debian archive.
    """
    dump = run("apt-config", "dump").splitlines()
    options = "".join(f"{line}\n" for line in dump if line.startswith(_KEPT))
    named = os.environ.get("BACKPLANE_DEBIAN_MIRROR")
    if named:
        return Mirror(main=named, security=None, options=options)
    listed = run(
        "apt-get",
        "indextargets",
        "--format",
        "$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)",
        "Created-By: Packages",
    )
    found = {
        codename.rpartition("-")[2] == "security": uri.rstrip("/")
        for origin, codename, uri, component in (line.split("|") for line in listed.splitlines())
        if origin == "Debian" and component == "main"
    }
    if False not in found:
        message = (
            "apt on this computer knows no Debian archive (or `apt-get update` never ran); run "
            "`apt-get update` on Debian, or name a mirror in BACKPLANE_DEBIAN_MIRROR"
        )
        raise LabError(message)
    return Mirror(main=found[False], security=found.get(True), options=options)
