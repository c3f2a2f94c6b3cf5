"""Summaries: found to be due once all that was assessed up to then is kept, and told once each, whatever crashes and
however long nothing ran."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from upheld.agreements.model import Agreement
from upheld.agreements.objectives import Objective
from upheld.agreements.units import format_instant
from upheld.assessment.verdict import Verdict
from upheld.notices.summary import Line, Summary, plan_summary, summed_up
from upheld.ports import AgendaEntry, Store, Transaction, VerdictFilter
from upheld.process.assessing.in_force import InForce
from upheld.process.telling.reactions import outbox_entry

SUM_UP = "sum_up"


class Due:
    """Which summaries of a tenant have become due: asked after every pulse, and most often of none."""

    def __init__(self, store: Store, lateness: int) -> None:
        self._store, self._lateness = store, lateness
        self._next: dict[str, tuple[int, int | None]] = {}

    def find(self, tenant: str, current: InForce, as_of: int, managed_since: int) -> None:
        """Puts those on the agenda whose verdicts are all final at `as_of`, up to which all is assessed and kept. Up to
        when that was done is kept, so that what has ended while nothing ran is found too. Periods that were over at
        `managed_since` are summed up to nobody."""
        version, soonest = self._next.get(tenant, (0, 0))
        if version == current.version and (soonest is None or as_of < soonest):
            return
        name = f"summed_up/{tenant}"
        since = int(self._store.setting(name, str(managed_since)))
        ended = self._between(current, since, as_of, managed_since)
        entries = [entry for entry, due in ended if due <= as_of]
        if entries:
            with self._store.transaction(tenant) as t:
                for entry in entries:
                    t.schedule(entry)
        if as_of > since:
            self._store.change_setting(name, str(as_of))
        coming = [due for _, due in self._between(current, as_of, as_of, managed_since) if due > as_of]
        self._next[tenant] = current.version, min(coming, default=None)

    def _between(
        self, current: InForce, since: int, until: int, managed_since: int
    ) -> Iterator[tuple[AgendaEntry, int]]:
        """The summaries of the periods that became due after `since`, up to the one that is under way at `until`, each
        with when it is due."""
        for stated in current.portfolio.agreements:
            patience = self._lateness if stated.lateness is None else stated.lateness
            whole, (begins, ends) = current.validity(stated.id), stated.validity
            at = max(since - patience - 1, begins)
            while at <= until and (ends is None or at < ends):
                if (period := summed_up(stated, at, whole)) is None:
                    break
                start, at = period
                in_force = begins < at and (ends is None or at <= ends)  # else an amendment of it sums up
                if in_force and at > managed_since and at + patience > since:
                    data = {"agreement": stated.id, "start": start, "end": at}
                    entry = AgendaEntry(f"{SUM_UP}/{stated.id}/{format_instant(start)}", SUM_UP, at + patience, data)
                    yield entry, at + patience


def sum_up(t: Transaction, entry: AgendaEntry, current: InForce | None, now: int) -> None:
    """Records the notices of a summary, and ends its entry of the agenda: both or neither."""
    agreement_id, start, end = (entry.data[name] for name in ("agreement", "start", "end"))
    parties = None if current is None else current.parties(agreement_id, end - 1)
    if current is not None and parties is not None and parties.agreement.notices.summary is not None:
        summary = _summary(t, current, parties.agreement, start, end)
        for notice in plan_summary(summary, parties.customer, parties.provider, now):
            t.save_notice(notice)
            if notice.state == "recorded":
                t.schedule(outbox_entry(notice))
    t.finish(entry.id)


def _summary(t: Transaction, current: InForce, agreement: Agreement, start: int, end: int) -> Summary:
    before = summed_up(agreement, start - 1, current.validity(agreement.id))
    return Summary(
        agreement,
        start,
        end,
        _lines(t, current, agreement, start, end, start if before is None else before[0]),
        t.cases_during(agreement.id, start, end),
        t.works_during(agreement.id, start, end),
    )


def _lines(t: Transaction, current: InForce, agreement: Agreement, start: int, end: int, before: int) -> Sequence[Line]:
    """What each promise came to, in the agreement's order; nothing of those of which there is no verdict."""
    found: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in t.verdicts(VerdictFilter(agreement=agreement.id, ends_after=before, ends_by=end)):
        found[verdict.objective, verdict.service].append(verdict)
    lines = []
    for subject in agreement.subjects:
        for promise in agreement.promises_of(subject):
            verdicts = found.get((promise.id, subject), [])
            if promise.sole_period.rolling is not None:
                verdicts = _window(t, current, agreement, promise, subject)
            now = [v for v in verdicts if v.period_end > start]
            if now:
                lines.append(Line(promise, subject, now, [v for v in verdicts if v.period_end <= start]))
    return lines


def _window(t: Transaction, current: InForce, agreement: Agreement, promise: Objective, subject: str) -> list[Verdict]:
    """A rolling window as it is now."""
    key = agreement.id, promise.id, subject
    since = [term.valid_from for term in current.terms.get(key, ()) if term.valid_from <= agreement.validity[0]]
    found = t.newest_windows([(*key, max(since))]) if since else {}
    return list(found.values())
