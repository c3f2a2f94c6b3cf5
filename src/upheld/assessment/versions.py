"""Versions of a verdict: what time alone brings keeps its version, a restatement gets a new one. DESIGN rule 9."""

from dataclasses import replace

from upheld.assessment.verdict import Verdict

FIRST_ASSESSED = "first assessed"
TIME_PASSED = "time has passed"
AMENDED = "the agreement was amended"
RESTATED = "late, corrected or excluded data"
RESTATEMENTS = (AMENDED, RESTATED)


def numbered(before: Verdict | None, verdict: Verdict, *, rolling: bool) -> tuple[Verdict, str]:
    """The verdict with its version, and why it is not as `before`; `before` itself where nothing has changed.

    A verdict of a calendar period that was final, or violated and is no longer, cannot have come about by time alone:
    it is restated. A rolling window recovers as it moves on."""
    if before is None:
        return verdict, FIRST_ASSESSED
    same_version = replace(verdict, version=before.version)
    if replace(same_version, agreement_version=before.agreement_version) == before:
        return before, TIME_PASSED
    recovered = not rolling and before.status == "violated" and verdict.status != "violated"
    if not (before.final or recovered):
        return same_version, TIME_PASSED
    amended = verdict.agreement_version != before.agreement_version
    return replace(verdict, version=before.version + 1), AMENDED if amended else RESTATED
