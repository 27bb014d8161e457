"""The only place that reads a clock."""

import time


class Clock:
    """The machine's clocks. Leases and timers use the one that no time sync can move."""

    def now_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC: the clock a common flip moment is given in."""
        return time.monotonic_ns()

    def seconds(self) -> float:
        """Seconds since boot, counted while suspended too (CLOCK_BOOTTIME)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wall(self) -> float:
        """Seconds since 1970: for handshake ages, for people, and to be compared with others'."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait; nothing when ``seconds`` is not positive."""
        if seconds > 0:
            time.sleep(seconds)
