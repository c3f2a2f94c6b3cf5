"""Versions of a verdict: what time alone brings keeps its version, a restatement gets a new one. DESIGN rule 9."""

from dataclasses import replace

from upheld.assessment.verdict import Verdict

FIRST_ASSESSED = "first assessed"
TIME_PASSED = "time has passed"
AMENDED = "the agreement was amended"
RESTATED = "late, corrected or excluded data"
RESTATEMENTS = (AMENDED, RESTATED)


def numbered(
    before: Verdict | None, verdict: Verdict, *, rolling: bool, assessed_until: int | None
) -> tuple[Verdict, str]:
    """The verdict with its version, and why it is not as `before`; `before` itself where nothing has changed.

    Of a calendar period, what was final, an instant at which a threshold had been crossed, and that none had been
    crossed up to `assessed_until` (microseconds UTC; None where that is not known) cannot change by time alone: such
    a verdict is restated. A rolling window changes as it moves on, and keeps its version."""
    if before is None:
        return verdict, FIRST_ASSESSED
    same_version = replace(verdict, version=before.version)
    if replace(same_version, agreement_version=before.agreement_version) == before:
        return before, TIME_PASSED
    crossings = ((before.at_risk_at, verdict.at_risk_at), (before.violated_at, verdict.violated_at))
    rewritten = any(_is_rewritten(old, new, assessed_until) for old, new in crossings)
    if rolling or not (before.final or rewritten):
        return same_version, TIME_PASSED
    amended = verdict.agreement_version != before.agreement_version
    return replace(verdict, version=before.version + 1), AMENDED if amended else RESTATED


def _is_rewritten(old: int | None, new: int | None, assessed_until: int | None) -> bool:
    if old is not None:
        return new != old
    return new is not None and assessed_until is not None and new <= assessed_until
