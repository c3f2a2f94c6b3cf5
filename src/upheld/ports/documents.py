"""A part of `Transaction`."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from upheld.ports.records import (
    Adoption,
)


class Documents(Protocol):
    """What is in force, as text, and its newest version last."""

    # agreements: the portfolio as YAML text, newest version last
    def save_portfolio(
        self, source: str, known_at: int, applied_by: str | None = None, agreements: Mapping[str, Sequence[Any]] = ...
    ) -> int: ...
    def portfolio(self) -> tuple[int, str] | None:
        """The newest (version, YAML text), or None before the first."""

    def adoption(self, version: int) -> Adoption | None:
        """That version of the portfolio, with when and by whom it was put in force."""

    # how labelled samples are read, as YAML text, newest version last
    def save_mapping(self, source: str, known_at: int, applied_by: str | None = None) -> int: ...
    def mapping(self) -> tuple[int, str] | None:
        """The newest (version, YAML text), or None before the first."""

    # playbooks, as YAML text, newest version last
    def save_playbooks(self, source: str, known_at: int, applied_by: str | None = None) -> int: ...
    def playbooks(self) -> tuple[int, str] | None:
        """The newest (version, YAML text), or None before the first."""

    # what services run over, as JSON text, newest version last
    def save_topology(self, source: str, known_at: int, applied_by: str | None = None) -> int: ...
    def topology(self) -> tuple[int, str] | None:
        """The newest (version, JSON text), or None before the first."""

    def topology_version(self) -> int | None:
        """The newest version, without its text, which may be long."""
