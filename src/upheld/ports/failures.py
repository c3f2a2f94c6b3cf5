"""What an adapter raises where it cannot do what is asked of it."""


class Conflict(Exception):
    """Someone else changed the row first: load it again and decide again."""


class NotKept(Exception):
    """Nothing of a batch was kept, and its sender is to send it again, no sooner than after `retry_after` seconds. The
    text says why, and may be shown."""

    retry_after = 10


class Busy(NotKept):
    """More waits to be written than may wait."""

    retry_after = 2


class StoreFailed(NotKept):
    """The store cannot be written: it is away, or there is no room."""


class NoLongerKnown(Exception):
    """What a report as it was known then is made of was removed: since when it is not known any more."""

    def __init__(self, raised_at: int) -> None:
        super().__init__(raised_at)
        self.raised_at = raised_at


class DeliveryError(Exception):
    """A sending failed. `permanent` means that another try cannot help."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Gone(DeliveryError):
    """Whoever is sent to wants nothing more, ever."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, permanent=True)
