"""The example's mesh with names: two DNS nodes, a service, a guest, resolvers outside over TLS."""

from typing import Any

from tests.core import example


def raw() -> dict[str, Any]:
    """The declaration, fresh each time."""
    declared = example.raw()
    fsn, hel = (declared["sites"][name]["nodes"] for name in ("fsn", "hel"))
    fsn["fsn-a"]["roles"] = ["dns", "wiki"]
    hel["hel-a"]["roles"] = ["dns", "prometheus", "wiki"]
    declared["planes"] = {"management": {"tcp": [22, 53, 5300, 8000]}}
    declared["services"] = {"wiki": {"plane": "management", "tcp": [8000]}}
    declared["dns"] = {
        "forward": ["1.1.1.1#cloudflare-dns.com", "2001:4860:4860::8888#dns.google"],
        "guests": ["printer"],
    }
    return declared
