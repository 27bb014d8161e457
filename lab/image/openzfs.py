#!/usr/bin/python3
"""`zfs` as OpenZFS takes its words, for zfs-fuse: questions that are about snapshots in general.

It lies on the lab's machines in the place of zfs-fuse's own, which it runs. zfs-fuse knows neither
`zfs get -t` nor `zfs list -p`; both are asked in two steps here: which there are, then of each.
"""

import getopt
import os
import subprocess
import sys

OWN = "/usr/lib/zfs-fuse/zfs"
"""zfs-fuse's own program."""

_OPTIONS = "rHpd:t:o:s:S:"
_TRIES = 3


def main(words: list[str], own: str = OWN) -> int:
    """Run `zfs` with these words; its exit code.

    Args:
        words: what follows the program's name.
        own: the program that does it.
    """
    verb = words[0] if words else ""
    asked, rest = _parsed(words[1:]) if verb in {"get", "list"} else ({}, [])
    wanted = asked.pop("-o", "")
    if asked.get("-t") != "snapshot" or (verb == "list" and "-p" not in asked):
        return subprocess.run([own, *words], check=False).returncode
    about, *of = [wanted, *rest] if verb == "list" else rest
    shown = ["-o", "value"] if verb == "list" else ["-o", wanted] if wanted else []
    flags = [*(flag for flag in ("-H", "-p") if flag in asked), *shown]
    deep = [word for flag in ("-r", "-d") if flag in asked for word in (flag, asked[flag]) if word]
    for _ in range(_TRIES):
        # Without `-r` zfs-fuse does not look below, however deep it is told to.
        below = ["-r"] if "-d" in asked and "-r" not in asked else []
        listing = [own, "list", "-H", "-t", "snapshot", "-o", "name", *below, *deep, *of]
        listed = subprocess.run(listing, stdout=subprocess.PIPE, check=False, text=True)
        names = listed.stdout.split()
        if listed.returncode or not names:
            return listed.returncode
        told = subprocess.run(
            [own, "get", *flags, about, *names], capture_output=True, check=False, text=True
        )
        if told.returncode == 0:
            break
        # One of them was destroyed meanwhile.
    sys.stdout.write(told.stdout)
    sys.stderr.write(told.stderr)
    return told.returncode


def _parsed(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Options and the rest; nothing where it is not for us to understand."""
    try:
        options, rest = getopt.getopt(words, _OPTIONS)
    except getopt.GetoptError:
        return {}, []
    return dict(options), rest


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    sys.exit(main(sys.argv[1:]))
