"""Echoes and rulesets in the kernel itself, in a network namespace of their own."""

import json
import subprocess
import sys
from pathlib import Path

from node import forwarding, routed
from tests.core import tools
from tests.node.routed_box import document

_ECHOES = """
import json, select, sys
from node.lanes import Lanes, Way

lanes = Lanes()
ways = {a: (Way(source=a, device="lo"), a) for a in ("127.0.0.1", "::1")}
ways["elsewhere"] = (Way(source="127.0.0.1", device="v0"), "127.0.0.1")
ways["silent"] = (Way(source="127.0.0.1", device="lo"), "192.0.2.1")
ways["no address"] = (Way(source="192.0.2.7", device="lo"), "127.0.0.1")
ways["no device"] = (Way(source="127.0.0.1", device="nothing"), "127.0.0.1")
came = []
for turn in range(2):
    lanes.begin()
    for name, (way, target) in ways.items():
        lanes.send(way, target, name)
    while ready := select.select([*lanes.sockets()], [], [], 0.3)[0]:
        came += [key for sock in ready for key in lanes.receive(sock)]
print(json.dumps(sorted(came)))
"""


def _alone(script: str, stdin: str) -> str:
    done = subprocess.run(
        [tools.need("unshare"), "--user", "--map-root-user", "--net", "sh", "-ec", script],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_echoes_come_back_by_the_way_they_were_sent() -> None:
    """In both families, each once; none past the interface it is bound to."""
    link = "ip link set lo up; ip link add v0 type veth peer v1; ip link set v0 up"
    told = json.loads(_alone(f"{link}; exec {sys.executable} -", _ECHOES))
    assert told == sorted(2 * ["127.0.0.1", "::1"])


def test_nft_takes_copies_again_and_again() -> None:
    """Both families, and away again, whether they were there or not."""
    nft = tools.need("nft")
    routes = routed.parse(json.dumps(document(0)))
    link = "ip link add wgl1-1 type veth peer v1; ip link add wgl2-0 type veth peer v2"
    both = forwarding.copies(routes, [2]) * 2
    listed = _alone(f"{link}; {nft} -f -; {nft} list ruleset", both)
    assert listed.count("dup to") == 2
    gone = both + forwarding.no_copies() * 2
    assert _alone(f"{link}; {nft} -f -; {nft} list ruleset", gone) == ""
