"""What time it is. The only place that asks."""

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock: microseconds since the Unix epoch, UTC."""

    def now(self) -> int:
        return time.time_ns() // 1_000


@dataclass(frozen=True, slots=True)
class AcceleratedClock:
    """A clock that runs `speed` times as fast as the machine's, from the instant `anchor` (microseconds UTC) on, at
    which both agree. For demonstrations and rehearsals: with the anchor kept, a restart does not turn it back."""

    speed: int
    anchor: int

    def now(self) -> int:
        return self.anchor + (SystemClock().now() - self.anchor) * self.speed
