"""A second oracle of assessment: availability, ratio and aggregate in DuckDB's SQL over the raw rows.

It shares no code with `upheld.assessment`, nor with the calendars of `upheld.agreements`. Read tables.sql, exact.sql
and assess.sql from top to bottom; `asking.ask` puts the questions. `python -m oracle N SEED`, from tests/, compares it
with both models on N random worlds."""

from oracle.asking import Answer, Question, ask, connect, unknown
from oracle.comparing import differences

__all__ = ["Answer", "Question", "ask", "connect", "differences", "unknown"]
