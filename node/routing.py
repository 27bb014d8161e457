"""The daemon that keeps a routed node's ways to other sites: who owns them is told here, or heard.

One loop without threads, but for FRR's: what comes in is taken at once, everything else every
quarter of a second; the kernel is looked at each second, or when it says that something changed.
"""

import selectors
import signal
import socket
from collections.abc import Callable, Mapping, Sequence

from node import (
    bell,
    generations,
    heartbeat,
    leaving,
    probing,
    retiring,
    routed,
    standing,
)
from node.duties import Effects
from node.errors import Refused, mask
from node.follower import Leaf
from node.heartbeat import Beat, Channel
from node.machine import Machine
from node.owners import TICK, Duty, Gateway
from node.request import Answer, Request
from node.standing import shown

LOOK, SOON = 1.0, 0.5  # seconds between two looks at the kernel, and after it rang
FRESH = 5.0  # seconds after a flip in which the kernel is looked at with every tick
SHOWN = 5.0  # seconds after which people are shown the same again: it says that we live
METRICS = 10.0  # seconds after a flip in which FRR has read its file
LEAVE = 3.5  # seconds that a machine which goes down gives its sibling to have everything
_REPEAT = 60.0  # seconds after which the same line is told once more


class Daemon:
    """A routed node's daemon; its state is that of its gateway or leaf."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.routes: routed.Routes | None = None
        self.mesh: Mapping[str, Sequence[Mapping[str, str]]] = {}
        self.view: Gateway | Leaf | None = None
        self.channel = Channel()
        self.probing = probing.Probing()
        self.effects = Effects(machine, self.tell)
        self.ending = self.leaving = False
        self._tool = _stamp(machine)
        self._selector = selectors.DefaultSelector()
        self._bell: socket.socket | None = None
        self._due = self._looked = self._flipped = float("-inf")
        self._metrics_due: float | None = None
        self._rang = False
        self._generation: str | None = None
        self._applied: dict[int, Duty] = {}
        self._shown: tuple[object, float] = (None, float("-inf"))
        self._told: dict[str, float] = {}

    def now(self) -> float:
        """Seconds of the one clock that all here goes by."""
        return self.machine.clock.now_ns() / 1e9

    def tell(self, text: str) -> None:
        """Write to the journal, the same line once a minute."""
        now = self.now()
        if now - self._told.get(text, float("-inf")) >= _REPEAT:
            self._told = {line: at for line, at in self._told.items() if now - at < _REPEAT}
            self._told[text] = now
            self.machine.journal.say(text)

    def run(self) -> None:
        """Go on until SIGTERM. What was made stays: traffic flows while nobody looks.

        With the whole machine it goes as if drained: units that carry packets end after this one.
        """
        wake, woken = socket.socketpair()
        for end in (wake, woken):
            end.settimeout(0)
        signal.signal(signal.SIGTERM, self._end)
        before = signal.set_wakeup_fd(wake.fileno())
        self._selector.register(woken, selectors.EVENT_READ)
        self._bell = bell.hang()
        self._selector.register(self._bell, selectors.EVENT_READ)
        try:
            while not self.ending:
                self._turn()
            # Ahead of all else: whoever asks systemd may wait for longer than the sibling does.
            self._speak(paused=True)
            if leaving.goes_down(self.machine):
                self._selector.unregister(woken)
                self._leave()
        finally:
            signal.set_wakeup_fd(before)

    def _turn(self) -> None:
        ready = self._selector.select(max(0.0, self._due - self.now()))
        self.guard({key.fileobj for key, _ in ready})

    def _leave(self) -> None:
        """Give everything to the sibling, if it is there to take it."""
        self.leaving, until, self._due = True, self.now() + LEAVE, self.now()
        while self.now() < until and isinstance(self.view, Gateway) and self.view.keeps(self.now()):
            self._turn()
        self._speak()

    def guard(self, ready: set[object]) -> None:
        """One step; whatever goes wrong in it is told, and the next one comes."""
        try:
            self.step(ready)
        except Exception as error:  # noqa: BLE001 - a daemon that ends forwards nothing new
            self.tell(f"routes: {_said(error)}")
            # What is readable stays so: no loop without a pause.
            self.machine.clock.sleep(TICK)

    def step(self, ready: set[object]) -> None:
        """Take in what came, and do what is due."""
        if self._bell in ready and self._bell is not None:
            bell.quiet(self._bell)
            self._rang = True
        self.probing.receive(ready)
        changed = False
        for beat in self._beats():
            changed |= self._hear(beat)
        if changed:
            self._act()
            self._speak()
        if self.now() >= self._due:
            self._due = self.now() + TICK
            self._tick()

    def _end(self, *_: object) -> None:
        self.ending = True

    def _beats(self) -> list[Beat]:
        return self.channel.receive(self.routes.gateways) if self.routes else []

    def _hear(self, beat: Beat) -> bool:
        if self.view is None:
            return False
        changed = self.view.hear(beat, self.now())
        if changed:
            held = {site: (one.claim.term, one.claim.slot) for site, one in self.view.sites.items()}
            self.tell(f"gateway {beat.slot} says who owns what: {held}")
        return changed

    def _tick(self) -> None:
        # A rollout put another tool there: systemd starts that one, and nothing moves meanwhile.
        self.ending = self.ending or self._tool != _stamp(self.machine)
        self._reload()
        if self.routes is None or self.view is None:
            return
        self._listen(self.routes)
        now = self.now()
        if self._decide(now) or self._look_due(now):
            self._act()
        self._speak()
        self._show()

    def _listen(self, routes: routed.Routes) -> None:
        before = self.channel.sock
        if self.channel.is_at(routes.address, routes.port):
            return
        if before is not None:
            self._selector.unregister(before)
        if self.channel.open(routes.address, routes.port) and self.channel.sock is not None:
            self._selector.register(self.channel.sock, selectors.EVENT_READ)

    def _decide(self, now: float) -> bool:
        """Whether a gateway's duties are others than when they were last made so."""
        view = self.view
        if not isinstance(view, Gateway) or self.routes is None:
            return False
        for sock in self.probing.turn(self.routes, view, now):
            self._selector.register(sock, selectors.EVENT_READ)
        taken = view.tick(
            now,
            drained=self.leaving or standing.drained_file(self.machine).exists(),
            paths=self.effects.paths,
            broken=self.probing.verdict.broken(),
        )
        for site in taken:
            held = view.sites[site]
            self.tell(f"takes over site {site}, term {held.claim.term}: {held.why}")
        if self._metrics_due is not None and now >= self._metrics_due:
            self._metrics_due = None
            self.effects.announcer.forget()
        return {site: view.duty(site, now) for site in view.sites} != self._applied

    def _look_due(self, now: float) -> bool:
        soon = self._rang and now - self._looked >= SOON
        return soon or now - self._looked >= LOOK or now - self._flipped < FRESH

    def _act(self) -> None:
        """Make everything as it should be; what fails keeps nothing else from being done."""
        now = self.now()
        routes, view = self.routes, self.view
        if routes is None or view is None:
            return
        self._looked, self._rang = now, False
        if isinstance(view, Gateway):
            self._applied = {site: view.duty(site, now) for site in view.sites}
            gateway = view
            self._try(lambda: self.effects.serve(routes, gateway, now))
            # Whom a gateway takes remote packets from on a plane is its sibling, always.
            holder = {site: view.sibling for site in view.sites if view.sibling is not None}
        else:
            holder = {site: one.claim.slot for site, one in view.sites.items()}
            leaf = view
            self._try(lambda: self.effects.remember(leaf.sites, {}))
        self._try(lambda: self.effects.hold(routes, self.mesh, holder, self._generation))

    def _try(self, effect: Callable[[], None]) -> None:
        try:
            effect()
        except Exception as error:  # noqa: BLE001 - the others are still to be done
            self.tell(f"routes: {_said(error)}")

    def _speak(self, *, paused: bool = False) -> None:
        if self.routes is None or not isinstance(self.view, Gateway):
            return
        done = self.effects.announcer.is_done()
        beat = self.view.beat(self.now(), paused=paused, announced=done)
        if beat is not None:
            self.channel.send(heartbeat.pack(beat), self.routes.others)

    def _reload(self) -> None:
        """Read the active generation, if it is another one than before."""
        name = generations.named(self.machine, self.machine.layout.active)
        if name == self._generation:
            return
        routes = routed.read(self.machine)
        mesh = generations.load(self.machine, name).mesh if name and routes else {}
        now = self.now()
        if routes is not None:
            self._become(routes, now)
        self.routes, self.mesh = routes, mesh
        self.view = self.view if routes else None
        # Not before all went well: what could not be read is read again.
        self._generation, self._flipped, self._metrics_due = name, now, now + METRICS

    def _become(self, routes: routed.Routes, now: float) -> None:
        memory = standing.claims(self.machine)
        view = self.view
        if routes.slot is None:
            slots = frozenset(routes.names)
            if not isinstance(view, Leaf) or view.slots != slots:
                view = Leaf(slots=slots)
                # It may have been a gateway before.
                self._try(lambda: retiring.retire(self.machine))
        elif not isinstance(view, Gateway) or (view.slot, view.sibling) != (
            routes.slot,
            routes.other,
        ):
            view = Gateway(slot=routes.slot, sibling=routes.other, start=now)
        view.configure(routes.defaults, memory, now)
        self.view = view

    def _show(self) -> None:
        if self.routes is None or self.view is None:
            return
        now, wall = self.now(), self.machine.clock.wall()
        told = shown(self.routes, self.view, now, wall, self.effects.paths)
        if isinstance(self.view, Gateway):
            told["announced"] = self.effects.announcer.is_done()
            for site, lanes in self.probing.verdict.shown().items():
                if str(site) in told["sites"]:
                    told["sites"][str(site)]["lanes"] = lanes
        before, at = self._shown
        if told != before or now - at >= SHOWN:
            standing.show(self.machine, {"at": round(wall, 3), **told})
            self._shown = told, now


def _stamp(machine: Machine) -> tuple[int, int] | None:
    """What changes with the node tool's file."""
    try:
        state = machine.layout.tool.stat()
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_mtime_ns


def _said(error: Exception) -> str:
    """An exception in words, and where it came from if it is none of ours."""
    if isinstance(error, Refused):
        return error.error
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    return mask(f"{type(error).__name__}: {error}{where}")


def run(machine: Machine, _: Request) -> Answer:
    """Keep the routes until systemd ends it."""
    Daemon(machine).run()
    return {}
