"""What the process needs that takes over a machine which is there already. Secret as a whole."""

import base64
import json
from dataclasses import dataclass, field

from backplane.keys import Bootstrap, Card, Identity
from backplane.plan import Plan
from backplane.render import cloudinit


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What becomes known only while the stack is made; secret.

    Attributes:
        way: the node's wg0 address.
        bootstrap: its one-time keys.
        identity: its lasting ones.
        runner: the card of the runner who takes it over, its only peer until it is enrolled.
        push_public: the SSH key that pushes come with.
        push_private: its private half.
    """

    way: str
    bootstrap: Bootstrap
    identity: Identity
    runner: Card
    push_public: str
    push_private: str = field(repr=False)


def order(plan: Plan, name: str, parts: Parts) -> str:
    """JSON with the fields of `runner.takeover_order.Order`.

    Args:
        plan: the mesh.
        name: the node that the machine becomes.
        parts: its keys and the runner's.
    """
    node = plan.node(name)
    machine = node.machine
    if machine is None:
        raise ValueError(f"{name} is no machine that is there already")
    first = cloudinit.generation(plan, name, parts.bootstrap, parts.runner, parts.push_public)
    told = {
        "stack": plan.stack,
        "door": {
            "node": name,
            "host": machine.ipv4,
            "port": machine.port,
            "user": machine.user,
            "pin": machine.host_key,
        },
        "way": parts.way,
        "timer": plan.timer,
        "system": node.image,
        "ipv6": machine.ipv6,
        "bridges": list(node.bridges),
        "files": {
            path: [mode, base64.b64encode(text.encode()).decode()]
            for path, (mode, text) in first.items()
        },
        "bootstrap": parts.bootstrap.host.public,
        "lasting": parts.identity.ssh.public,
        "push_key": parts.push_private,
    }
    return json.dumps(told, sort_keys=True)
