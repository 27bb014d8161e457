"""Everything that can be found wrong before a resource is touched, in one call."""

import base64

from backplane.declaration import parse
from backplane.keys import KEY_BYTES, Card
from backplane.keys import bootstrap as make_bootstrap
from backplane.mistakes import DeclarationError, Mistake
from backplane.plan import Plan, plan
from backplane.render.cloudinit import user_data

_STAND_IN = bytes(KEY_BYTES)


def checked_plan(raw: object, *, project: str, stack: str) -> Plan:
    """Parse, plan, and make sure that every machine's user-data fits.

    Args:
        raw: the value of ``backplane:mesh``.
        project: the Pulumi project's name.
        stack: the Pulumi stack's name.

    Raises:
        DeclarationError: with every mistake.
    """
    mesh = plan(parse(raw), project=project, stack=stack)
    # Keys all have the same length, so any will do to measure with.
    keys = make_bootstrap(_STAND_IN, 1)
    key = base64.b64encode(_STAND_IN).decode()
    card = Card(key="", wireguard=dict.fromkeys(mesh.slots, key), ssh=keys.host.public)
    mistakes: list[Mistake] = []
    for node in mesh.nodes:
        try:
            user_data(mesh, node.name, keys, card, keys.host.public)
        except DeclarationError as error:
            mistakes += error.mistakes
    if mistakes:
        raise DeclarationError(mistakes)
    return mesh
