"""What verdicts have come to, kept under their versions, with what other systems are told of that. DESIGN rule 9."""

from collections.abc import Mapping, Sequence

from upheld.agreements.terms import Term
from upheld.assessment.verdict import Verdict
from upheld.assessment.versions import Cause, approver, in_words, is_restated, numbered
from upheld.outgoing.billing import Adjustment, adjustments, of_a_claim, of_adjustment
from upheld.outgoing.happened import of_restatement
from upheld.ports import Clock, MeasurementLog, Store, Told, Transaction
from upheld.ports.settling import settled
from upheld.process.acting.correcting import news, news_of_claim
from upheld.process.assessing.round import Key, Round


def put(
    t: Transaction,
    measurements: MeasurementLog,
    pulse: Round,
    verdicts: Sequence[Verdict],
    before: Mapping[Key, Verdict],
) -> list[tuple[Verdict, tuple[Cause, ...]]]:
    """Keeps verdicts, of which `before` was kept; returns each with its version, and why it changed."""
    told, found = [], []
    for verdict in verdicts:
        term = pulse.current.term(verdict)
        assert term is not None, "news of a term that is gone"
        numbered_verdict, causes = _numbered(before.get(verdict.key), pulse, term, verdict)
        who = _approver(t, measurements, pulse, term, numbered_verdict, causes) if is_restated(causes) else None
        told.append(Told(numbered_verdict, in_words(causes), who, _rolling_from(term)))
        found.append((numbered_verdict, causes))
    t.put_verdicts(told, pulse.made.known_at)
    for one in told:
        _tell_others(t, pulse, before.get(one.verdict.key), one)
    return found


def is_news(pulse: Round, verdict: Verdict, before: Verdict | None) -> bool:
    """Whether a verdict is to be kept: not where it is kept already, of a term that is gone, of a period that was over,
    without a measurement, before we looked at it, or of one that is settled."""
    term = pulse.current.term(verdict)
    if term is None or (before is None and verdict.final and verdict.status == "no_data"):
        return False
    is_final = verdict.final if before is None else before.final
    if is_final and pulse.floor is not None and verdict.period_start < pulse.floor.settled:
        return False
    return _numbered(before, pulse, term, verdict)[0] != before


def kept_before(t: Transaction, pulse: Round, verdicts: Sequence[Verdict]) -> dict[Key, Verdict]:
    """What is kept of each of these verdicts, by its key; of a rolling one what was kept of it over any window."""
    rolling: dict[Key, int] = {}
    for verdict in verdicts:
        term = pulse.current.term(verdict)
        if term is not None and (rolling_from := _rolling_from(term)) is not None:
            rolling[verdict.key] = rolling_from
    found = dict(t.newest([verdict.key for verdict in verdicts if verdict.key not in rolling]))
    windows = t.newest_windows([(*key[:3], rolling_from) for key, rolling_from in rolling.items()])
    for key, rolling_from in rolling.items():
        if (newest := windows.get((*key[:3], rolling_from))) is not None:
            found[key] = newest
    return found


def _tell_others(t: Transaction, pulse: Round, before: Verdict | None, told: Told) -> None:
    """Puts down what other systems are told of a verdict that is kept: that it was restated, and what billing has
    to adjust."""
    reason = told.cause, told.approver, pulse.made.known_at
    if before is not None and before.version != told.verdict.version:
        t.add_outgoing([of_restatement(before, told.verdict, *reason)])
    _tell_billing(t, adjustments(pulse.tenant, before, told.verdict, *reason, _is_claimed(t, before, told.verdict)))
    if told.rolling_from is None and told.verdict.period_end > pulse.managed_since:
        t.add_news(news(before, told.verdict, pulse.made.known_at))


def _approver(
    t: Transaction, measurements: MeasurementLog, pulse: Round, term: Term, verdict: Verdict, found: Sequence[Cause]
) -> str | None:
    delivered_by: Sequence[str] = ()
    if any(cause.kind in ("late_data", "corrected") for cause in found):
        after = 0 if pulse.before is None else pulse.before.position
        span = verdict.period_start, verdict.period_end
        delivered_by = measurements.sources(pulse.tenant, term.series, *span, after=after, upto=pulse.made.position)
    return approver(
        found,
        t.every_exclusion() if any(cause.intervals for cause in found) else (),
        term.subjects,
        applied_by=pulse.current.applied_by,
        delivered_by=delivered_by,
    )


def tell_claims(store: Store, tenant: str, clock: Clock) -> None:
    """Tells billing of what has been claimed. That is done here because only one process at a time assesses a
    tenant: so a claim never crosses a new version of its verdict."""
    with store.transaction(tenant, writing=False) as t:
        claims = t.new_claims()

    def tell(t: Transaction) -> None:
        now = clock.now()
        for claim in claims:
            verdict = t.verdict(claim.key)
            if verdict is not None:
                approver = None if claim.exception is None else claim.claimed_by
                _tell_billing(t, of_a_claim(tenant, verdict, approver, now))
                t.add_news(news_of_claim(verdict, now))
            t.change_claim(claim, now)

    if claims:
        settled(store, tenant, tell)


def _rolling_from(term: Term) -> int | None:
    return None if term.period.rolling is None else term.valid_from


def _numbered(before: Verdict | None, pulse: Round, term: Term, verdict: Verdict) -> tuple[Verdict, tuple[Cause, ...]]:
    return numbered(
        before,
        verdict,
        rolling=term.period.rolling is not None,
        assessed_until=pulse.news.assessed_until,
        events=term.indicator.kind == "duration",
    )


def _is_claimed(t: Transaction, *verdicts: Verdict | None) -> bool:
    """Whether the credit of a verdict in these versions was claimed, and billing told of that."""
    of = next((v for v in verdicts if v is not None and v.claim_by is not None), None)
    claim = None if of is None else t.claim_of(of.key)
    return claim is not None and claim.told_at is not None


def _tell_billing(t: Transaction, owed: Sequence[Adjustment]) -> None:
    if owed:
        t.add_adjustments(owed)
        t.add_outgoing([of_adjustment(one) for one in owed])
