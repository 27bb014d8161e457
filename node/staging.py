"""Taking in a bundle: judged whole, written durably, nothing live is changed."""

from node import accounts, bundle, firewall, generations, identity, packages, roles, sshd
from node.errors import Refused
from node.generations import Generation
from node.layout import BIRTH
from node.machine import Machine
from node.request import AGAIN, Answer

_PACKING = 600.0
"""Seconds that one stage waits for the packages of another."""


def stage(machine: Machine, text: str) -> Answer:
    """Take in a bundle.

    Args:
        machine: The machine.
        text: The bundle, base64.

    Returns:
        ``staged``: the generation.

    Raises:
        Refused: It is damaged, for another machine, or one of the machine's tools refuses it.
    """
    decoded = bundle.decode(text)
    _require_ours(machine, decoded)
    # Ahead of the lock: this may take minutes, and an undo must not wait for it. A stage whose
    # answer was lost is asked for again while the first is still at it: that one waits here.
    with machine.alone(machine.layout.packing, patience=_PACKING):
        packages.ensure(
            machine,
            roles.packages(decoded.roles),
            shut=roles.shut(decoded.roles),
            ahead=roles.ahead(decoded.roles),
            others=roles.others(decoded.roles),
        )
    with machine.changing():
        _require_ours(machine, decoded)
        generation = admit(machine, decoded)
        generations.stage(machine, generation.name)
        generations.prune(machine)
        machine.journal.say(f"staged {generation.name}")
    return {"staged": generation.name}


def _require_ours(machine: Machine, decoded: bundle.Bundle) -> None:
    here = identity.confirmed(machine)
    if here.name == BIRTH:
        raise Refused("this machine is not enrolled yet", AGAIN)
    require_same(here, decoded)


def require_same(here: Generation, decoded: bundle.Bundle) -> None:
    """Refuse a bundle for another node, or for another server of this node."""
    renamed = here.node in {decoded.node, decoded.was}
    if not renamed or here.incarnation != decoded.incarnation:
        raise Refused(
            f"the bundle is for {decoded.node} (incarnation {decoded.incarnation}), "
            f"this machine is {here.node} (incarnation {here.incarnation})",
            "a server of another incarnation is built anew by `pulumi up`; "
            "else see that no two nodes share an address",
        )


def admit(machine: Machine, decoded: bundle.Bundle) -> Generation:
    """Write a bundle's generation and let the machine's own tools judge it where it lies."""
    present = machine.layout.generation(decoded.generation).exists()
    generation = generations.write(machine, decoded)
    try:
        for name in decoded.interfaces:
            _strip(machine, generation, name)
        firewall.check(machine, generation.file("nftables.nft"))
        sshd.check(machine, generation)
        accounts.check(machine, generation)
        _judge(machine, generation)
    except Refused:
        if not present:
            generations.remove(machine, generation.name)
        raise
    return generation


def _judge(machine: Machine, generation: Generation) -> None:
    """Let the programs of the roles judge their files."""
    for role, told in sorted(generation.roles.items()):
        folder, hidden = (
            generation.file(f"{kind}/{role}") for kind in (roles.ROLES, roles.SECRETS)
        )
        for command in told["checks"]:
            argv = [
                part.replace("{hidden}", str(hidden)).replace("{}", str(folder)) for part in command
            ]
            machine.commands.must(argv, why=f"{argv[0]} refuses the role {role}", fix=AGAIN)


def _strip(machine: Machine, generation: Generation, name: str) -> None:
    """wg-quick's own reading must find as many peers as were declared: none may get lost."""
    path = generation.file(f"wireguard/{name}.conf")
    text = machine.commands.must(
        ["wg-quick", "strip", str(path)], why=f"wg-quick refuses {name}", fix=AGAIN
    )
    wanted = generation.interfaces[name]["peers"]
    found = sum(line.strip().lower() == "[peer]" for line in text.splitlines())
    if found != wanted:
        raise Refused(f"wg-quick finds {found} peers on {name}, {wanted} were declared", AGAIN)
