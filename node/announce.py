"""Telling FRR the metric of each remote site's routes, beside the loop: vtysh may take a second."""

import importlib
import threading
from collections.abc import Callable, Mapping

from node.machine import Machine

AGAIN = 5.0  # seconds after which what FRR did not take is tried once more


def set_metric(machine: Machine, site: int, metric: int) -> None:
    """Have FRR announce the site's own subnets to a remote site with this MED."""
    # Only gateways have FRR, and every start of Python counts during a flip.
    importlib.import_module("node.frr").set_metric(machine, str(site), metric)


class Announcer:
    """One thread that makes FRR's metrics those wanted, and says so when it cannot.

    Attributes:
        done: Metric by site, as FRR took it last.
    """

    def __init__(self, machine: Machine, tell: Callable[[str], None], give: float = AGAIN) -> None:
        self.done: dict[int, int] = {}
        self._machine, self._tell, self._give = machine, tell, give
        self._wanted: dict[int, int] = {}
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def want(self, metrics: Mapping[int, int]) -> None:
        """Have these metrics from now on."""
        with self._change:
            if metrics == self._wanted:
                return
            self._wanted = dict(metrics)
            self._change.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)
            self._thread.start()

    def is_done(self) -> bool:
        """Whether FRR has taken all that is wanted."""
        with self._change:
            return not self._open()

    def forget(self) -> None:
        """Set all of them again: FRR has read its file anew."""
        with self._change:
            self.done.clear()
            self._change.notify()

    def _open(self) -> dict[int, int]:
        return {s: metric for s, metric in self._wanted.items() if self.done.get(s) != metric}

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(self._open)
                todo = self._open()
            # Each is tried, whatever became of the one before.
            taken = [self._set(site, metric) for site, metric in todo.items()]
            if not all(taken):
                with self._change:
                    self._change.wait(self._give)

    def _set(self, site: int, metric: int) -> bool:
        try:
            set_metric(self._machine, site, metric)
        except Exception as error:  # noqa: BLE001 - whatever FRR has, the others' metrics go on
            self._tell(f"FRR does not take the metric of site {site}: {error}")
            return False
        with self._change:
            self.done[site] = metric
        return True
