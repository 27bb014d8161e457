"""The ports: the one thing that nothing may ever widen."""

from backplane import planes


def test_inbound_is_exactly_four_udp_ports() -> None:
    """What firewalls let in equals UDP 51820 to 51823: no more, no less."""
    assert planes.INBOUND == (("udp", 51820), ("udp", 51821), ("udp", 51822), ("udp", 51823))


def test_planes_are_told_apart_by_everything() -> None:
    """No two planes share a slot, index, interface or port."""
    for field in ("slot", "index", "interface", "port"):
        assert len({getattr(plane, field) for plane in planes.PLANES}) == 4


def test_enrollment_opens_nothing_but_ssh() -> None:
    """The first way in can only ever show sshd; the others' lists are the spec's."""
    assert (planes.ENROLLMENT.tcp, planes.ENROLLMENT.udp) == ((22,), ())
    assert set(planes.MANAGEMENT.tcp) == {22, 8080, 8443, 53, 3000, 5432, 5300}
    assert set(planes.MANAGEMENT.udp) == {53, 5300, 5310, 4789}
    assert set(planes.MONITORING.tcp) == {9090, 9093, 9100}
    assert set(planes.STORAGE.tcp) == {22, 5432, 3306}
