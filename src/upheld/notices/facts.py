"""What the texts state, made of a case or a planned work: plain values, already in words where figures need care."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from upheld.agreements.model import Agreement
from upheld.agreements.objectives import Objective
from upheld.agreements.parties import Brand, Party, contact_at
from upheld.agreements.units import Bound, format_share, parse_instant
from upheld.cases.answers import reopens_until
from upheld.cases.clocks import fixed_by, fixing_since, informed_at
from upheld.cases.model import Case
from upheld.cases.problems import Problem
from upheld.maintenance.model import Maintenance, Window
from upheld.notices.formats import Reader, days, figure, lines, one_line, percent
from upheld.notices.model import Owed
from upheld.notices.word_of_works import Word


@dataclass(frozen=True, slots=True)
class Branded:
    """Whose notice it is, and how it looks: `provider` is its id, `color` is of what can be pressed and of what is
    neither good nor bad, `signature` the lines below the text in the reader's language."""

    provider: str | None
    color: str
    signature: tuple[str, ...]
    reply_to: str | None


def branded(provider: Party | None, reader: Reader) -> Branded:
    brand = provider.brand if provider is not None and provider.brand is not None else Brand()
    written = next((text for language, text in brand.signature.items() if language == reader.language), "")
    lines = (one_line(line) for line in written.splitlines())
    signature = tuple(line for line in lines if line)
    return Branded(provider.id if provider is not None else None, brand.color, signature, brand.reply_to)


@dataclass(frozen=True, slots=True)
class Bad:
    """What counted against a promise: `time` and `allowed` in microseconds for a promise over time, `events` and
    `allowed_events` for one over events."""

    time: int | None = None
    allowed: int | None = None
    events: int | None = None
    allowed_events: int | None = None


def case_context(
    case: Case,
    agreement: Agreement,
    customer: Party | None,
    provider: Party | None,
    role: str,
    reader: Reader,
    *,
    link: str | None,
    answer_by: int | None,
) -> dict[str, Any]:
    """What the text of a case's notice may name. Instants in microseconds; those that have not been are None.
    `measured` says that a restoration is what the measurements show: once a customer has said that it was not solved,
    it may be what our people say."""
    verdict = case.verdict
    objective = next((o for o in agreement.promises if o.id == case.objective), None)
    return _parties(agreement, customer, provider, role, reader) | {
        "reference": case.id,
        "case": case,
        "service": one_line(case.service),
        "objective": one_line(case.objective),
        "promise": None if objective is None else promise(objective, reader),
        "period": _period(verdict, agreement, reader),
        "rolling": objective is not None and objective.sole_period.rolling is not None,
        "attained": None if objective is None else _attained(objective, verdict, reader),
        "status": verdict.get("status"),
        "bad": _bad(objective, verdict),
        "impaired": _last_bad(verdict),
        "silent": _silence(case),
        "violated_at": _instant(verdict, "violated_at"),
        "at_risk_at": _instant(verdict, "at_risk_at"),
        "credit": _credit(verdict),
        "claim_by": _instant(verdict, "claim_by"),
        "rights": [_right(consequence["right"], objective) for consequence in verdict.get("consequences", ())],
        "members": _members(objective, agreement),
        "credit_final": bool(verdict.get("final")),
        "credits_promised": objective is not None and bool(objective.credits),
        "measured": case.reopened_at is None,
        "update": lines(str(case.told.get("text") or "")),
        "next_update": _next_update(case, agreement),
        "fixed_by": fixed_by(agreement, fixing_since(case)),
        "asks_reader": role in agreement.confirmation.to,
        "link": link,
        "answer_by": answer_by,
        "reopens_until": reopens_until(case, agreement.confirmation.reopen_within),
        "rejection": _late_rejection(case, customer, provider),
    }


def problem_context(
    problem: Problem,
    rows: Sequence[Owed],
    customers: Mapping[str, Party],
    provider: Party | None,
    role: str,
    reader: Reader,
    link: str | None,
) -> dict[str, Any]:
    """What the text of a notice of several cases of one problem may name. What the cause is called is the provider's
    affair: a customer is not told."""
    to_customer = role.startswith("customer.")
    until = [row.facts["answer_by"] for row in rows if row.facts.get("answer_by") is not None]
    hit = dict.fromkeys(row.customer for row in rows)
    names = [one_line(customers[name].name if name in customers else name) for name in hit]
    return {
        "reader": reader,
        "role": role_words(role),
        "reference": problem.id,
        "opened_at": problem.opened_at,
        "cause": None if to_customer else one_line(problem.named),
        "customers": names,
        "provider": one_line(provider.name) if provider else None,
        "brand": branded(provider, reader),
        "to_customer": to_customer,
        "update": rows[0].words,
        "services": len({row.facts["service"] for row in rows}),
        "cases": len(rows),
        "credits": _credits(rows),
        "link": link,
        "answer_by": min(until, default=None),
    }


def _credits(rows: Sequence[Owed]) -> list[tuple[Decimal, str]]:
    """The credits of the rows, summed for each currency."""
    sums: dict[str, Decimal] = {}
    for row in rows:
        if (credit := row.facts["credit"]) is not None:
            sums[credit["currency"]] = sums.get(credit["currency"], Decimal(0)) + Decimal(credit["amount"])
    return [(amount, currency) for currency, amount in sorted(sums.items())]


def _late_rejection(case: Case, customer: Party | None, provider: Party | None) -> dict[str, Any] | None:
    """The last no that came too late to take the case up again, and who said it: by the address, or the name where
    there is none; None where there is no such no."""
    answer = next((one for one in reversed(case.answers) if one["effect"] == "late"), None)
    if answer is None:
        return None
    contact = contact_at(answer["contact"], customer, provider)
    named = one_line(answer["contact"] if contact is None else contact.place[1])
    return {"at": answer["at"], "contact": named, "comment": one_line(answer["comment"])}


def _next_update(case: Case, agreement: Agreement) -> int | None:
    every = agreement.handling.update_every
    return None if every is None else informed_at(case) + every


SUPPLIERS_WORK: Mapping[str, str] = {
    "en": "Maintenance by a network supplier",
    "de": "Wartung durch einen Netzzulieferer",
    "fr": "Maintenance par un fournisseur de réseau",
    "es": "Mantenimiento de un proveedor de red",
}
"""What customers read in place of a title where none was given to a supplier's work, which is kept in English."""


def work_title(title: str, reader: Reader) -> str:
    """The title of a work, in the words of the reader's language where they are ours."""
    return SUPPLIERS_WORK[reader.language] if title == SUPPLIERS_WORK["en"] else one_line(title)


def maintenance_context(
    maintenance: Maintenance,
    agreement: Agreement,
    customer: Party | None,
    provider: Party | None,
    services_hit: Sequence[str],
    role: str,
    reader: Reader,
    at: int,
    was: Word | None = None,
    released: bool = False,
    link: str | None = None,
    window: Window | None = None,
) -> dict[str, Any]:
    """What the text of a maintenance notice may name; `reminder` is None where there is none, or none any more. `was`
    is what the reader had been told before a change; `released` says that the work takes place, but hits them no more;
    `link` is where they answer it; `window` is the one that a reminder is of."""
    promised = agreement.notices.maintenance
    reminder = promised.reminder if promised is not None else None
    return _parties(agreement, customer, provider, role, reader) | {
        "reference": maintenance.id,
        "title": work_title(maintenance.title, reader),
        "work_kind": maintenance.kind,
        "emergency": maintenance.emergency,
        "description": lines(maintenance.description),
        "services": [one_line(s) for s in services_hit],
        "start": maintenance.start if window is None else window[0],
        "end": maintenance.end if window is None else window[1],
        "windows": list(maintenance.spans),
        "number": None if window is None else maintenance.spans.index(window) + 1,
        "released": released,
        "link": link,
        "started_at": maintenance.started_at,
        "ended_at": maintenance.ended_at,
        "was": None if was is None else _change(was, maintenance, services_hit, reader),
        "reminder": reminder if reminder is not None and at < maintenance.start - reminder else None,
    }


def _change(was: Word, maintenance: Maintenance, services_hit: Sequence[str], reader: Reader) -> dict[str, Any]:
    """What has changed of a work for a reader: what it was, None where it is the same; services are those that it
    hits now and did not, and those that it did and hits no more."""
    return {
        "windows": None if was.windows == maintenance.spans else list(was.windows),
        "title": None if was.title == maintenance.title else work_title(was.title, reader),
        "hit_too": [one_line(s) for s in services_hit if s not in was.services],
        "hit_no_more": [one_line(s) for s in was.services if s not in services_hit],
    }


def _parties(
    agreement: Agreement, customer: Party | None, provider: Party | None, role: str, reader: Reader
) -> dict[str, Any]:
    return {
        "reader": reader,
        "role": role_words(role),
        "agreement": one_line(agreement.id),
        "customer": one_line(customer.name if customer else agreement.customer),
        "provider": one_line(provider.name) if provider else None,
        "brand": branded(provider, reader),
        "to_customer": role.startswith("customer."),
    }


def verdict_facts(verdict: Mapping[str, Any], agreement: Agreement | None, reader: Reader) -> dict[str, Any]:
    """What a text may say of a verdict (as JSON has it): of one that is no longer promised, less. `customer` is its
    id."""
    promises = () if agreement is None else agreement.promises
    objective = next((o for o in promises if o.id == verdict["objective"]), None)
    return {
        "agreement": one_line(verdict["agreement"]),
        "objective": one_line(verdict["objective"]),
        "service": one_line(verdict["service"]),
        "customer": one_line(verdict["customer"]),
        "promise": None if objective is None else promise(objective, reader),
        "period": None if agreement is None else _period(verdict, agreement, reader),
        "status": verdict["status"],
        "attained": None if objective is None else _attained(objective, verdict, reader),
        "bad": _bad(objective, verdict),
        "credit": _credit(verdict),
        "claim_by": _instant(verdict, "claim_by"),
    }


def promise(objective: Objective, reader: Reader) -> dict[str, str | int | None]:
    """The promise by its parts, for a template to put into words: `kind`, `metric`, `aggregate`, `target` (such as
    `99.9 %` or `40`, as the reader writes it), `operator` (of a bound), `calendar` with its `billing_day`, or
    `rolling` (microseconds)."""
    indicator, target = objective.indicator, objective.target
    return {
        "kind": indicator.kind,
        "metric": one_line(indicator.metric),
        "aggregate": indicator.aggregate if indicator.kind == "aggregate" else None,
        "target": _target(target, reader),
        "operator": target.operator if isinstance(target, Bound) else None,
        "calendar": objective.sole_period.calendar,
        "billing_day": objective.sole_period.billing_day,
        "rolling": objective.sole_period.rolling,
    }


def role_words(role: str) -> str:
    """A role as its own party calls it: the customer's `customer.noc` is `noc`."""
    return one_line(role.removeprefix("customer."))


def _target(target: Bound | Fraction, reader: Reader) -> str:
    """The whole of it: nothing is cut off a promise."""
    if isinstance(target, Bound):
        return figure(target.limit, reader, places=_places(target.limit), lower_is_better=False)
    share = Decimal(format_share(target).removesuffix(" %"))
    return percent(share / 100, reader, _places(share))


def _right(name: str, objective: Objective | None) -> dict[str, str | int]:
    """A right that repeated violations give, as the agreement words it: `violations` in `months`, both 0 where it is
    not in the agreement any more. The verdict's own reason is in English, and for auditors."""
    stated = objective.chronic if objective is not None else ()
    found = next((chronic for chronic in stated if chronic.right == name), None)
    violations, months = (0, 0) if found is None else (found.violations, found.within)
    return {"name": one_line(name), "violations": violations, "months": months}


def _attained(objective: Objective, verdict: Mapping[str, Any], reader: Reader) -> str | None:
    """The figure with two places more than the target has, and at least three."""
    if (attained := verdict.get("attained")) is None:
        return None
    value, target = Decimal(attained), objective.target
    if isinstance(target, Bound):
        places = max(_places(target.limit) + 2, 3)
        return figure(value, reader, places=places, lower_is_better=target.operator in ("<", "<="))
    return percent(value, reader, max(_places(Decimal(format_share(target).removesuffix(" %"))) + 2, 3))


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _members(objective: Objective | None, agreement: Agreement) -> list[str]:
    """The services of a group; none where the promise is of one service."""
    if objective is None or objective.group is None:
        return []
    return [one_line(service) for service in objective.group.services or agreement.services]


def _bad(objective: Objective | None, verdict: Mapping[str, Any]) -> Bad | None:
    budget = verdict.get("budget")
    if objective is None or budget is None:
        return None
    indicator, allowed = objective.indicator, int(Decimal(budget))
    if indicator.kind == "availability":
        return Bad(time=verdict["bad"] * indicator.slot, allowed=allowed * indicator.slot)
    if indicator.kind == "duration" or (indicator.kind == "ratio" and indicator.weighting == "events"):
        return Bad(events=verdict["bad"], allowed_events=allowed)
    return None


def _last_bad(verdict: Mapping[str, Any]) -> tuple[int, int] | None:
    """The last interval that counted against the promise."""
    intervals = [(e["start"], e["end"]) for e in verdict.get("evidence", ()) if e["kind"] == "bad"]
    parsed = sorted((parse_instant(start), parse_instant(end)) for start, end in intervals)
    return parsed[-1] if parsed else None


def _silence(case: Case) -> dict[str, Any] | None:
    """Of a case of kind `no_data`: since when (microseconds), of which services, and which metric is not measured."""
    found = case.findings.get("silence")
    if found is None:
        return None
    services = [one_line(service) for service in found["services"]]
    return {"since": parse_instant(found["since"]), "services": services, "metric": one_line(found["metric"])}


def _period(verdict: Mapping[str, Any], agreement: Agreement, reader: Reader) -> str | None:
    start, end = _instant(verdict, "period_start"), _instant(verdict, "period_end")
    return None if start is None or end is None else days(start, end, reader, agreement.time_zone)


def _credit(verdict: Mapping[str, Any]) -> tuple[Decimal, str] | None:
    credit = verdict.get("credit")
    return None if credit is None else (Decimal(credit["amount"]), credit["currency"])


def _instant(verdict: Mapping[str, Any], name: str) -> int | None:
    text = verdict.get(name)
    return None if text is None else parse_instant(text)
