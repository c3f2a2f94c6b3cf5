"""B10: how long the whole product takes from remote write over HTTP to verdicts and notices; and what CPU that costs,
told beside a Prometheus that gets the same requests at the same time and evaluates the same objectives as often.

Each series is scraped every 15 seconds, the scrapes spread over that time. Some customers' services are down for a
minute now and then, which breaks what is promised of the hour: a case is opened, and the customer is told by mail.
"""

import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median

from bench.measuring import in_words, peak_memory
from bench.prometheus import ABSENT, Prometheus, Rule, installed, running
from bench.remote_write_bodies import PER_REQUEST, labels_of, minutes
from bench.serving import Page, Served, quantile, serving
from bench.table import Row
from upheld.agreements.units import parse_instant

SERVICES = 5_000
SCRAPES = 4
"""Of each series in a minute."""
EVERY = 60_000 // SCRAPES
"""Milliseconds from one scrape of a series to its next."""
OF_A_CUSTOMER = 20
"""Services of one customer, as `labels_of` has them: an agreement each."""
HISTORY = 61
"""Minutes before those that come live: what is promised of the hour has a full window."""
MEASURED = 2
DELAY = 30
"""Seconds that a slot waits for its data: the server's own default."""
LOOK = 25
"""Seconds of a minute at which CPU is read: the slots of the minute before are not assessed yet, all others are."""
DOWN = 10
"""Services, of a customer each, that are down in any one minute."""
COMPARED = 97
PERIODS = {"hour": {"rolling": "1h"}, "month": {"calendar": "month"}}
WINDOWS = {"hour": "1h", "month": "31d"}
"""Prometheus has no calendar months: a window in which all of the month lies takes their place."""
VERDICT_WITHIN, NOTICE_WITHIN = 5, 30


@dataclass(frozen=True)
class Mark:
    """How far both were at one instant: seconds of CPU, ours' metrics, and the evaluations of Prometheus."""

    ours: float
    theirs: float
    page: Page
    evaluations: int


@dataclass(frozen=True)
class Heard:
    """What came to the relay of one minute's outages: seconds since they could have been assessed, and since the
    samples were sent."""

    due: float
    sent: float


def run() -> list[Row]:
    """Two rows: the delays from arrival to verdict, with what all cost in CPU, and to notice."""
    with serving(ASSESSMENT_DELAY=str(DELAY)) as ours, running() if installed() else nullcontext() as peer:
        begin = int(time.time() // 60) - HISTORY
        ours.put("/v1/agreements", portfolio(begin * 60))
        ours.put("/v1/mapping", MAPPING)
        _send(ours, peer, _history(begin))
        ours.until(lambda page: not page["upheld_log_backlog_rows"])
        if peer is not None:
            rules = [Rule(f"slo:attained:{name}", f"avg_over_time(probe_success[{w}])") for name, w in WINDOWS.items()]
            peer.evaluate([rules], "1m")
        live = int(time.time() // 60) + 1
        marks = list(_live(ours, peer, live))
        assert marks[1].page["upheld_assessed_until_timestamp_seconds"] >= (live + MEASURED) * 60, "ours fell behind"
        ours.until(lambda page: not page.get("upheld_agenda_overdue_seconds"))
        heard = _heard(ours, live)
        compared = 0 if peer is None else _compare(ours, peer)
        held = [peak_memory(ours.pid)] + ([] if peer is None else [peak_memory(peer.pid)])
    return _rows(marks, heard, compared, held)


MAPPING = {"series": [{"labels": {"__name__": "probe_success"}, "service": "{service}", "metric": "reachable"}]}


def portfolio(since: int) -> dict[str, object]:
    """An agreement for each customer, valid from `since` (seconds): what each of his services is to be in every hour,
    and in the month."""
    valid = datetime.fromtimestamp(since, UTC).isoformat()
    of_customer: dict[str, list[str]] = {}
    for i in range(SERVICES):
        labels = dict(labels_of(i))
        of_customer.setdefault(labels["customer"], []).append(labels["service"])
    indicator = {"kind": "availability", "metric": "reachable", "good_when": ">= 1", "slot": "1m"}
    objectives = [
        {"id": name, "indicator": indicator, "period": period, "target": "99.9 %"} for name, period in PERIODS.items()
    ]
    return {
        "agreements": [
            {
                "id": customer,
                "customer": customer,
                "valid": {"from": valid},
                "services": services,
                "objectives": objectives,
                "notices": {"violation": {"within": "15m", "to": ["customer.noc"]}},
            }
            for customer, services in of_customer.items()
        ],
        "customers": [
            {"id": customer, "name": customer, "contacts": {"noc": [{"email": _address(customer)}]}}
            for customer in of_customer
        ],
    }


def _address(customer: str) -> str:
    return f"noc@{customer}.example"


# -- the load ------------------------------------------------------------------------------------------------------


def _history(begin: int) -> Iterator[bytes]:
    half = HISTORY // 2  # Prometheus refuses what is an hour behind the newest that it has
    for first, last in ((0, half), (half, HISTORY)):
        yield from minutes(SERVICES, (begin + first) * 60_000, [set()] * SCRAPES * (last - first), every=EVERY)


def _send(ours: Served, peer: Prometheus | None, bodies: Iterator[bytes] | Sequence[bytes]) -> None:
    for body in bodies:
        ours.write(body)
        if peer is not None:
            peer.write(body)


def _down(minute: int) -> Set[int]:
    """The services that are down in a minute of the live ones, each of another customer."""
    return {(minute * DOWN + n) * OF_A_CUSTOMER for n in range(DOWN)}


def _live(ours: Served, peer: Prometheus | None, live: int) -> Iterator[Mark]:
    """Sends each request at its instant, and marks how far both are where what is measured begins and ends: in between,
    so many slots are assessed, and as many minutes' samples sent, as are measured."""
    apart = EVERY * PER_REQUEST // SERVICES
    for minute in range(MEASURED + 2):
        plan: list[tuple[float, bytes | None]] = []
        for begins in range(0, 60_000, EVERY):
            bodies = minutes(SERVICES, (live + minute) * 60_000 + begins, [_down(minute)], apart)
            plan += [((begins + n * apart) / 1000, body) for n, body in enumerate(bodies)]
        if minute in (1, MEASURED + 1):
            plan.append((LOOK, None))
        for second, body in sorted(plan, key=lambda one: one[0]):
            _wait((live + minute) * 60 + second)
            if body is not None:
                _send(ours, peer, [body])
                continue
            yield _mark(ours, peer)
            if minute == MEASURED + 1:
                return


def _wait(instant: float) -> None:
    time.sleep(max(instant - time.time(), 0))


def _mark(ours: Served, peer: Prometheus | None) -> Mark:
    page = ours.page()
    theirs, evaluations = (float("nan"), 0) if peer is None else (peer.cpu, peer.evaluations())
    return Mark(ours.cpu, theirs, page, evaluations)


# -- what came of it -----------------------------------------------------------------------------------------------


def _heard(ours: Served, live: int) -> list[Heard]:
    """What the relay was told of the outages that were measured: each of them, or it fails."""
    came = {recipient: at for at, recipient in reversed(ours.mails.came)}
    apart = EVERY / 1000 * PER_REQUEST / SERVICES
    found = []
    for minute in range(MEASURED):
        for i in _down(minute):
            at, begins = came[_address(dict(labels_of(i))["customer"])], (live + minute) * 60
            found.append(Heard(at - (begins + 60 + DELAY), at - (begins + i // PER_REQUEST * apart)))
    return found


def _compare(ours: Served, peer: Prometheus) -> int:
    """What is promised of the hour has come to the same at both, for some services; how many these are."""
    compared = 0
    for i in range(0, SERVICES, COMPARED):
        service = dict(labels_of(i))["service"]
        answer = ours.client.get("/v1/verdicts", params={"service": service, "newest": True}).json()["verdicts"]
        verdict = next(v for v in answer if v["objective"] == "hour")
        end = parse_instant(verdict["period_end"]) / 1e6 - 0.001
        values = peer.values(f'avg_over_time(probe_success{{service="{service}"}}[1h])', end)
        figure = verdict["good"] / (verdict["good"] + verdict["bad"])
        assert abs(values[service] - figure) < 1e-12, (service, values[service], verdict)
        compared += 1
    return compared


def _rows(marks: Sequence[Mark], heard: Sequence[Heard], compared: int, held: Sequence[int]) -> list[Row]:
    first, last = marks
    samples = MEASURED * SERVICES * SCRAPES
    evaluated = (last.evaluations - first.evaluations) / len(WINDOWS)
    assert evaluated in (0, MEASURED), f"Prometheus evaluated its rules {evaluated} times in {MEASURED} minutes"
    ours, theirs = ((getattr(last, who) - getattr(first, who)) / samples * 1e6 for who in ("ours", "theirs"))
    kept = last.page["upheld_verdicts_changed_total"] - first.page["upheld_verdicts_changed_total"]
    memory = " and ".join(in_words(size) for size in held)
    note = (
        f"{samples / MEASURED / 60:,.0f} samples/s; {kept / samples:.2f} verdicts kept a sample; {compared} figures"
        f" equal; peak memory {memory}"
    )
    cost = f"; CPU a sample {ours:,.1f} us, of Prometheus {theirs:,.1f}; {note if compared else ABSENT}"
    return [
        _delay("verdict", "upheld_arrival_to_verdict_seconds", marks, VERDICT_WITHIN, cost),
        _delay("notice", "upheld_arrival_to_notice_seconds", marks, NOTICE_WITHIN, _outside(heard)),
    ]


def _delay(what: str, histogram: str, marks: Sequence[Mark], within: float, note: str = "") -> Row:
    first, last = (mark.page for mark in marks)
    middle, most = (quantile(share, first, last, histogram) for share in (0.5, 0.99))
    count = last[f"{histogram}_count"] - first.get(f"{histogram}_count", 0)
    return Row(
        bar="B10",
        claim=f"under that load: from arrival to {what}, 99th percentile in seconds",
        ours=f"p50 {middle:.2f} s, p99 {most:.2f} s",
        peer="",
        ratio=most,
        limit=within,
        at_most=True,
        note=f"{count:,.0f} in {histogram}" + note,
    )


def _outside(heard: Sequence[Heard]) -> str:
    def told(of: Callable[[Heard], float]) -> str:
        return f"{median(map(of, heard)):.1f} s, at most {max(map(of, heard)):.1f} s"

    return (
        f"; at the relay, of {len(heard)} outages: {told(lambda one: one.due)} after the slot's end and its delay,"
        f" {told(lambda one: one.sent)} after the sample was scraped"
    )
