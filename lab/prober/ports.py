"""What the stranger knocks on, as data."""

from __future__ import annotations

from backplane.audit.doors import TOP_TCP

WIREGUARD = (51820, 51821, 51822, 51823)

AUDIT_UDP = (53, 68, 123, 3784, 5353, *range(51820, 51836))
"""UDP ports that a scan after the fact asks: services this program knows, and the link ports."""

__all__ = ("AUDIT_UDP", "TOP_TCP", "WIREGUARD")
