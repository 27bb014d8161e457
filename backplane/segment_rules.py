"""The rules about layer-2 segments; a part of `backplane.rules`."""

from collections.abc import Mapping

from backplane.rule import Rule

RULES: Mapping[str, Rule] = {
    "segments": Rule(
        "a mapping of names to layer-2 segments, each a VXLAN between nodes over a plane",
        "indent each segment below its name",
    ),
    "segments.*": Rule(
        "a segment is a mapping with `id` and `nodes`",
        "write {id: <number>, nodes: [<node>, <node>]}",
    ),
    "segments.*.id": Rule(
        "a segment's id is a whole number from 1 to 16777215, unique: its VXLAN network "
        "identifier, and the number of its interfaces (vx1 and the bridge vb1)",
        "give the segment a free number",
    ),
    "segments.*.plane": Rule(
        "a segment goes over one plane in use, storage (default), monitoring or management",
        "name one of them: by its slot or by its `name:`",
    ),
    "segments.*.nodes": Rule(
        "a list of two nodes or more that stay, each once", "list nodes by name"
    ),
}
