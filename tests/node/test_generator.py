"""What the generator shows systemd of a generation's units, by running it."""

import subprocess
from pathlib import Path

from node.fixed import GENERATOR, LATER

UNITS = {
    "backplane-daemon.service": "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/x\n",
    "backplane-hook.service": "[Unit]\nPartOf=wg-quick@wg1.service\n[Service]\nExecStart=/bin/x\n",
    "backplane-often.service": "[Service]\nExecStart=/bin/x\n",
    "backplane-often.timer": "[Timer]\nOnBootSec=5s\n",
    "backplane-door.service": "[Service]\nExecStart=/bin/x\n",
    "backplane-door.socket": "[Socket]\nListenStream=[::1]:1\n",
}


def test_each_unit_is_wanted_by_what_starts_it(tmp_path: Path) -> None:
    """The machine, its timers or sockets, or the unit that it is part of; none of them twice."""
    run, state, shown = (tmp_path / name for name in ("run", "state", "shown"))
    generation = state / "generations/1"
    (generation / "units").mkdir(parents=True)
    for name, text in UNITS.items():
        (generation / "units" / name).write_text(text, encoding="ascii")
    run.mkdir()
    (run / "active").symlink_to(generation)
    shown.mkdir()
    script = tmp_path / "generator"
    text = LATER[GENERATOR].replace("/run/backplane", str(run))
    script.write_text(text.replace("/var/lib/backplane", str(state)), encoding="ascii")
    subprocess.run(["sh", script, shown, shown, shown], check=True)
    assert {path.name for path in shown.iterdir() if path.is_file()} == set(UNITS)
    wanted = {str(path.relative_to(shown)) for path in shown.rglob("*.wants/*")}
    assert wanted == {
        "multi-user.target.wants/backplane-daemon.service",
        "wg-quick@wg1.service.wants/backplane-hook.service",
        "timers.target.wants/backplane-often.timer",
        "sockets.target.wants/backplane-door.socket",
    }
    assert all((shown / link).resolve().parent == shown for link in wanted)
