"""`python -m lab.control.ask URL TOKEN-FILE`: print what the cloud API says at an address.

A program of its own, since a lab's API may live in another network namespace; the token comes
from its file, so that no argument list shows it.
"""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path


def main(url: str, token_file: str) -> int:
    """Print the answer; return 0 if it was one of success."""
    token = Path(token_file).read_text().strip()
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - the lab's own
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            print(answer.read().decode())
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
