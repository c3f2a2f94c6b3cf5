"""Whether verdicts say what the oracle says, field by field."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction

from oracle.asking import Answer, Question
from upheld.assessment.verdict import Verdict

PLACES = Fraction(1, 10**12)
_EQUAL = (
    "period_start",
    "period_end",
    "status",
    "final",
    "good",
    "bad",
    "missing",
    "excluded",
    "at_risk_at",
    "violated_at",
)
_CUT_OFF = ("attained", "budget", "spent")


def differences(question: Question, answers: Sequence[Answer], verdicts: Sequence[Verdict]) -> list[str]:
    """One line for each field in which a verdict and its answer differ, and for each that stands alone."""
    keys = [term.key for term in question.terms]
    ours = {(*keys[a.term], a.period_start): a for a in answers}
    theirs = {v.key: v for v in verdicts}
    alone = [f"{key}: the oracle has no verdict" for key in theirs.keys() - ours.keys()]
    alone += [f"{key}: only the oracle has a verdict" for key in ours.keys() - theirs.keys()]
    return alone + [f"{key}: {line}" for key in theirs if key in ours for line in _differences(ours[key], theirs[key])]


def _differences(answer: Answer, verdict: Verdict) -> Iterator[str]:
    for name in _EQUAL:
        expected, found = getattr(answer, name), getattr(verdict, name)
        if expected != found:
            yield f"{name}: the oracle says {expected}, the verdict {found}"
    for name in _CUT_OFF:
        exact, text = getattr(answer, name), getattr(verdict, name)
        if (exact is None) != (text is None) or (exact is not None and not _cut_off(exact, text)):
            yield f"{name}: the oracle says {exact}, the verdict {text}"


def _cut_off(exact: Fraction, text: str) -> bool:
    """Whether a decimal is this figure, cut off at 12 places where it has more."""
    printed = Fraction(Decimal(text))
    return printed == exact or (printed < exact < printed + PLACES and (printed / PLACES).denominator == 1)
