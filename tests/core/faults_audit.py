"""The same for the alerts of the audit from outside, which a node is told of."""

from tests.core.faults import Case, series


def _audit(what: str, **labels: str) -> str:
    return series(f"backplane_audit_{what}", job="wireguard", instance="fsn-a", **labels)


CASES = [
    Case(
        alert="AuditFinding",
        fault={_audit("findings", node="fsn-b", kind="tcp"): "0+0x10 2+0x60"},
        well={
            _audit("findings", node="fsn-b", kind="udp"): "0+0x900",
            _audit("able"): "1+0x900",
        },
        lacks=("2m30s",),
        fires="2m45s",
        labels=[{"node": "fsn-b", "kind": "tcp"}],
    ),
    Case(
        alert="AuditStale",
        # Told at midnight; the node forgets it at a reboot, and it was never told again.
        fault={_audit("timestamp_seconds"): "0+0x30 _x200"},
        # Of the other job there is none.
        well={series("backplane_audit_timestamp_seconds", job="node", instance="a"): "0+0x200"},
        lacks=("26h",),
        fires="26h15m",
        labels=[{}],
        interval="15m",
    ),
    Case(
        alert="AuditUnable",
        fault={_audit("able"): "1+0x10 0+0x60"},
        well={_audit("findings", node="fsn-a", kind="tcp"): "0+0x900"},
        lacks=("2m30s",),
        fires="2m45s",
        labels=[{"instance": "fsn-a"}],
    ),
]
