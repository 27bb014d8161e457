"""The example's mesh with monitoring: two Prometheus, one Alertmanager, a node that is offline."""

from typing import Any

from tests.core import example


def routed() -> dict[str, Any]:
    """The same with its sites joined by one gateway each."""
    declared = raw()
    declared["topology"] = "routed"
    for site, name in (("fsn", "fsn-a"), ("hel", "hel-a")):
        node = declared["sites"][site]["nodes"][name]
        node["roles"] = sorted([*node["roles"], "gateway"])
    return declared


def raw() -> dict[str, Any]:
    """The declaration, fresh each time."""
    declared = example.raw()
    fsn, hel = (declared["sites"][name]["nodes"] for name in ("fsn", "hel"))
    fsn["fsn-a"]["roles"] = ["alertmanager", "prometheus"]
    hel["hel-a"]["roles"] = ["prometheus"]
    hel["hel-b"]["offline"] = True
    declared["planes"] = {"storage": {"rotated": {"keys": "1970-01-02", "psk": "1970-03-01"}}}
    declared["operators"]["alice"]["expires"] = "1970-01-09"
    declared["monitoring"] = {
        "retention": "12w",
        "receivers": {
            "ops": {"webhook": "https://hooks.example.org/ops?team=1"},
            "chat": {"webhook": "http://[2001:db8::1]:8080/"},
        },
        "watchdog": "https://alive.example.org/mesh",
    }
    return declared
