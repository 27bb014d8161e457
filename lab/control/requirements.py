"""What a lab needs of this computer, told in one sentence when it is missing."""

from __future__ import annotations

import os
import sys

from lab.layout import LabError
from lab.process import need

PROGRAMS = (
    "ip",
    "nft",
    "nsenter",
    "unshare",
    "setsid",
    "sysctl",
    "losetup",
    "mount",
    "mkfs.ext4",
    "systemd-nspawn",
)


def check() -> None:
    """Check that this computer can boot machines.

    Raises:
        LabError: It is no Linux, this is not root, or a program is missing.
    """
    if sys.platform != "linux":
        message = (
            f"the lab boots Linux machines and this computer runs {sys.platform}; "
            "use a Linux machine, or `backplane lab up --paper`"
        )
        raise LabError(message)
    if os.geteuid() != 0:
        message = (
            "the lab makes network namespaces and machines, which needs root; run it with "
            "sudo, or `backplane lab up --paper`"
        )
        raise LabError(message)
    need(PROGRAMS)
