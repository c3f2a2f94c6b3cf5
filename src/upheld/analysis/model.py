"""What the analysis works on besides verdicts. Instants in microseconds UTC."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was changed at an instant and may be a cause: a deployment, a configuration, a replaced part."""

    id: str
    at: int
    summary: str
    services: tuple[str, ...]
    author: str = ""
