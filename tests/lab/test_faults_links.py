"""Faults of links and gateways do what their names say, and leave nothing of them behind."""

from __future__ import annotations

from lab.faults import gateway, path
from tests.lab.echoes import address, echoes
from tests.lab.verbs import TestLab

# Sends 200 kB at once to an echo; prints how many of the 200 came back within a second of silence.
_BURST = """python3 -c '
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
one.connect((sys.argv[1], int(sys.argv[2])))
one.settimeout(1)
back = 0
for turn in range(20):
    for _ in range(10):
        one.send(b"x" * 1000)
    try:
        for _ in range(10):
            one.recv(2048)
            back += 1
    except TimeoutError:
        pass
print(back)
' {address} {port}"""

# Two namespaces on a machine, near and far, between which the machine itself is the router.
_ROUTER = """set -e
sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for side in "near 77" "far 78"; do
    set -- $side
    ip netns add $1
    ip link add to-$1 type veth peer name eth0 netns $1
    ip address add 192.168.$2.1/24 dev to-$1; ip address add fd$2::1/64 dev to-$1 nodad
    ip link set to-$1 up
    ip -n $1 address add 192.168.$2.2/24 dev eth0; ip -n $1 address add fd$2::2/64 dev eth0 nodad
    ip -n $1 link set eth0 up
    ip -n $1 route add default via 192.168.$2.1; ip -n $1 route add default via fd$2::1
done"""


def test_single_ports_of_a_path_can_be_spoiled(pair: TestLab) -> None:
    """Blocked or lossy for one UDP port: that one suffers, both ways; another does not."""
    lab, one, other = pair.lab, pair.machine("fsn-a"), pair.machine("hel-a")
    there, here = address(pair, "hel-a"), address(pair, "fsn-a")

    def answers(port: int) -> list[int]:
        ways = ((pair.on("fsn-a"), there), (pair.on("hel-a"), here))
        return [echoes(place, where, 3, port=port)[0] for place, where in ways]

    for fault in (
        path.blocked(lab, one, other, ports=(51821, 51900)),
        path.lossy(lab, one, other, percent=99.9, ports=(51821, 51900)),
    ):
        with fault:
            assert answers(51820) == [3, 3]
            assert answers(51821) == [0, 0]
    assert answers(51821) == [3, 3]


def test_a_narrow_path_takes_only_so_much(pair: TestLab) -> None:
    """Where 32 kB pass at once and 10 kB a second, most of 200 kB is lost; on other ports none."""
    one, other = pair.machine("fsn-a"), pair.machine("hel-a")
    node, there = pair.on("fsn-a"), address(pair, "hel-a")

    def burst(port: int) -> int:
        return int(node.succeed(_BURST.format(address=there, port=port)))

    with path.narrow(pair.lab, one, other, kilobytes=10, ports=(51821,)):
        assert 20 <= burst(51821) < 100
        assert burst(51820) == 200
    assert burst(51821) == 200


def test_a_half_dead_gateway_forwards_nothing_and_answers(pair: TestLab) -> None:
    """Its own answers go on; what it forwards is dropped, all or one plane or one family."""
    machine, node = pair.machine("hel-a"), pair.on("hel-a")
    node.succeed(_ROUTER)
    try:
        behind = {4: "192.168.77.2", 6: "fd77::2"}

        def passes(interface: str, family: int) -> bool:
            space = f"ip netns exec {interface}"
            target = behind[family].replace("77", "78")
            return node.run(f"{space} ping -c 2 -i 0.2 -W 1 {target}", 20).returncode == 0

        def forwarded() -> list[bool]:
            return [passes("near", 4), passes("near", 6)]

        node.wait_until_succeeds("ip netns exec near ping -c 1 -W 1 fd78::2")
        assert forwarded() == [True, True]
        with gateway.half_dead(machine):
            assert forwarded() == [False, False]
            assert gateway.dropped(machine) >= 4
            node.succeed("ip netns exec near ping -c 1 -W 1 192.168.77.1")
            assert echoes(pair.runner, address(pair, "hel-a"))[0] == 3
        with gateway.half_dead(machine, family=6):
            assert forwarded() == [True, False]
        with gateway.half_dead(machine, planes=("to-near", "other")):
            assert forwarded() == [False, False]
        with gateway.half_dead(machine, planes=("other",)):
            assert forwarded() == [True, True]
        assert forwarded() == [True, True]
    finally:
        node.succeed("ip netns delete near; ip netns delete far")
