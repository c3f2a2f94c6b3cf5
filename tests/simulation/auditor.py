"""An auditor who knows the tables and the promises, and nothing of the code: what must hold after every simulation."""

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from upheld.actions.model import TICKET_KINDS
from upheld.agreements.units import HOUR, MINUTE, format_instant, parse_instant
from upheld.app import DEFAULT_TENANT

Row = sqlite3.Row
FIXED_WITHIN, UPDATE_EVERY, REOPEN_WITHIN, SLACK = 4 * HOUR, HOUR, 12 * HOUR, 30 * MINUTE
"""What the simulated agreements promise, and how late anything may be said after a jump of the clock."""
REMINDED = HOUR
CLOCKS = ("clock_warned", "clock_missed")


def audit(
    database: Path,
    now: int,
    mails: Mapping[str, int],
    tickets: Mapping[str, int],
    left_open: Sequence[str],
    kills: int,
    said: Sequence[tuple[str, int, str, bool]],
    plans: Sequence[tuple[str, int, Sequence[tuple[int, int]]]],
    lived_until: int,
) -> list[str]:
    """What is wrong, in words. `mails` by Message-ID and `tickets` by webhook id: how often each came; `left_open`: the
    ids by which tickets were opened that nobody has closed. `said`: what contacts have answered of a case, to which
    round, who, and whether it was solved. `plans`: which windows a work has had since when, none once it was cancelled;
    after `lived_until` hours pass at once."""
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        tables = ("cases", "events", "verdicts", "notices", "owed", "owed_resolutions", "actions", "agenda", "problems")
        rows = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    return [
        *_cases(rows),
        *_violations(rows),
        *_answers(rows, said),
        *_clocks(rows, now),
        *_late(rows),
        *_resolutions(rows, now),
        *_told(rows, mails, kills),
        *_steps(rows, tickets, kills),
        *_left_open(rows, left_open),
        *_reminders(rows, plans, lived_until),
        *_problems(rows),
        *_waiting(rows, now),
    ]


def _cases(rows: Mapping[str, list[Row]]) -> Iterator[str]:
    seqs: dict[str, list[int]] = defaultdict(list)
    for event in rows["events"]:
        seqs[event["case_id"]].append(event["seq"])
    for case in rows["cases"]:
        ended = case["state"] in ("closed", "withdrawn")
        if ended != (case["outcome"] is not None) or ended != (case["closed_at"] is not None):
            yield f"{case['id']} is {case['state']} with outcome {case['outcome']}"
        if sorted(seqs[case["id"]]) != list(range(1, case["seq"] + 1)):
            yield f"{case['id']}: its events do not follow each other"
    for key, stretches in _open_stretches(rows).items():
        for (_, end, earlier), (start, _, later) in pairwise(sorted(stretches, key=lambda one: one[0])):
            if end is None or end > start:
                yield f"two cases of {key} at a time: {earlier}, {later}"


def _open_stretches(rows: Mapping[str, list[Row]]) -> Mapping[tuple[Any, ...], list[tuple[int, int | None, str]]]:
    """By promise, and whether it is of a silence: from when until when which case of it was open."""
    key_of = {c["id"]: (c["agreement"], c["objective"], c["service"], c["is_silence"]) for c in rows["cases"]}
    found: dict[tuple[Any, ...], list[tuple[int, int | None, str]]] = defaultdict(list)
    for case, events in _histories(rows).items():
        begun: int | None = None
        for event in events:
            if event["type"] in ("opened", "reopened") and begun is None:
                begun = event["at"]
            elif event["type"] in ("closed", "withdrawn", "resumed") and begun is not None:
                found[key_of[case]].append((begun, event["at"], case))
                begun = None
        if begun is not None:
            found[key_of[case]].append((begun, None, case))
    return found


def _histories(rows: Mapping[str, list[Row]]) -> Mapping[str, list[Row]]:
    happened: dict[str, list[Row]] = defaultdict(list)
    for event in sorted(rows["events"], key=lambda e: e["seq"]):
        happened[event["case_id"]].append(event)
    return happened


def _answers(rows: Mapping[str, list[Row]], said: Sequence[tuple[str, int, str, bool]]) -> Iterator[str]:
    """Every answer that was given is on record exactly once; and a no in time has taken its case up again, unless
    another one of the same promise was open, which then was escalated."""
    kept = Counter(
        (case["id"], answer["round"], answer["contact"], answer["solved"])
        for case in rows["cases"]
        for answer in json.loads(case["answers"])
    )
    given = Counter(said)
    if kept != given:
        yield f"answers that were given and are not on record: {given - kept}; or that nobody gave: {kept - given}"
    histories, open_stretches = _histories(rows), _open_stretches(rows)
    for case in rows["cases"]:
        key = case["agreement"], case["objective"], case["service"], case["is_silence"]
        events = histories[case["id"]]
        closed_at: int | None = None
        for event, following in zip(events, [*events[1:], None], strict=True):
            if event["type"] in ("closed", "reopened"):
                closed_at = event["at"] if event["type"] == "closed" else None
            data = json.loads(event["data"])
            if event["type"] != "answered" or data["solved"] or closed_at is None:
                continue
            others = [
                other for start, end, other in open_stretches[key] if start <= event["at"] < (end or event["at"] + 1)
            ]
            others = [other for other in others if other != case["id"]]
            taken_up = following is not None and following["type"] == "reopened"
            in_time = event["at"] <= closed_at + REOPEN_WITHIN
            if taken_up != (in_time and not others):
                yield f"{case['id']}: a no at {event['at']} has {'' if taken_up else 'not '}taken it up again"
            if others and in_time and not any(e["type"] == "escalated" for e in histories[others[0]]):
                yield f"{case['id']}: its no was passed on to {others[0]}, which was not escalated"
            if not in_time and not _told_late(rows, case):
                yield f"{case['id']}: a no came too late, and nobody was told"


def _told_late(rows: Mapping[str, list[Row]], case: Row) -> bool:
    told = (n for n in rows["notices"] if n["kind"] == "late_rejection")
    return any(case["id"] in (n["case_id"], *json.loads(n["cases"])) for n in told)


def _violations(rows: Mapping[str, list[Row]]) -> Iterator[str]:
    """Each promise that is broken by the newest version of its verdict has a case that was not withdrawn."""
    newest: dict[tuple[Any, ...], Row] = {}
    for verdict in sorted(rows["verdicts"], key=lambda v: v["version"]):
        newest[verdict["agreement"], verdict["objective"], verdict["service"], verdict["period_start"]] = verdict
    dealt: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for case in rows["cases"]:
        dealt[case["agreement"], case["objective"], case["service"]].append(case)
    for key, verdict in newest.items():
        if verdict["status"] != "violated":
            continue
        standing = [case for case in dealt[key[:3]] if case["state"] != "withdrawn"]
        if not any("violated" in json.loads(case["periods"]).values() for case in standing):
            yield f"{key} is violated, and no case deals with it"


def _clocks(rows: Mapping[str, list[Row]], now: int) -> Iterator[str]:
    """What was not fixed in its time was said to be late, and what took long was told of in between."""
    happened = _histories(rows)
    for case in rows["cases"]:
        for events, lasted in _rounds(happened[case["id"]], now) if not case["is_silence"] else ():
            types = Counter(event["type"] for event in events)
            types.update(f"{e['type']} {json.loads(e['data'])['clock']}" for e in events if e["type"] in CLOCKS)
            if lasted > FIXED_WITHIN + SLACK and not (types["clock_warned fixed"] and types["clock_missed fixed"]):
                yield f"{case['id']}: not fixed in time, and nobody was told so"
            if lasted > UPDATE_EVERY + SLACK and not types["updated"]:
                yield f"{case['id']}: {lasted // MINUTE} minutes, and the customer was never told how far it is"


def _late(rows: Mapping[str, list[Row]]) -> Iterator[str]:
    """What was told, or asked, later than was promised is said to be missed by its case, or by one of its problem; and
    what is said to be missed was."""
    missed: dict[str | None, set[str]] = defaultdict(set)
    of = {case["id"]: case["problem"] for case in rows["cases"]}
    for event in rows["events"]:
        if event["type"] == "clock_missed":
            what = json.loads(event["data"]).get("what", "")
            missed[event["case_id"]].add(what)
            missed[of[event["case_id"]]].add(what)
    for notice in rows["notices"]:
        late = notice["due_by"] is not None and notice["state"] == "sent" and notice["sent_at"] > notice["due_by"]
        subject = notice["case_id"] or notice["problem_id"]
        alone = notice["case_id"] is not None and of[notice["case_id"]] is not None  # one of a problem is told alone
        if late and subject and not alone and notice["kind"] not in missed[subject]:
            yield f"{notice['id']} was sent late, and nobody was told so"


def _resolutions(rows: Mapping[str, list[Row]], now: int) -> Iterator[str]:
    """Of every closed case it is known what it was, or it is owed by itself or with its problem; and what is owed was
    asked, warned of, and told when it was missed."""
    into = {problem["id"]: problem["merged_into"] or problem["id"] for problem in rows["problems"]}
    owed = {one["subject"]: one for one in rows["owed_resolutions"] if one["given_at"] is None}
    for case in rows["cases"]:
        known = bool(json.loads(case["resolution"]))
        if known != case["is_resolved"]:
            yield f"{case['id']}: whether it is resolved is not what its resolution says"
        if case["state"] == "closed" and not known and not {case["id"], into.get(case["problem"])} & set(owed):
            yield f"{case['id']} is closed, and what it was is neither known nor owed"
    told = Counter(notice["id"].rpartition("/")[0] for notice in rows["notices"] if notice["kind"] == "resolution_owed")
    asked = {name.split("/")[1].rpartition("-")[0] for name in told}
    if rows["owed_resolutions"] and "resolution-asked" not in asked:
        yield "what cases were is owed, and nobody was asked"
    for one in rows["owed_resolutions"]:
        until = one["given_at"] or now
        if until > one["due"] + SLACK and one["missed_at"] is None:
            yield f"{one['subject']}: what it was is not put down in time, and the manager was not told"
        warned = one["warned_at"] or one["missed_at"]
        if until > one["since"] + (one["due"] - one["since"]) * 3 // 4 + SLACK and warned is None:
            yield f"{one['subject']}: nobody was warned that what it was is still to be put down"
        if one["missed_at"] and f"{one['subject']}/resolution-missed-{one['since']}/boss" not in told:
            yield f"{one['subject']}: counts as told to the manager, who was told nothing"


def _rounds(events: list[Row], now: int) -> Iterator[tuple[list[Row], int]]:
    """What happened from each opening, or no, until it was good, and how long that took."""
    begun: int | None = None
    inside: list[Row] = []
    for event in events:
        inside.append(event)
        if event["type"] in ("opened", "reopened"):
            begun, inside = event["at"], []
        elif event["type"] in ("restored", "closed", "withdrawn") and begun is not None:
            yield inside, event["at"] - begun
            begun = None
    if begun is not None:
        yield inside, now - begun


def _told(rows: Mapping[str, list[Row]], mails: Mapping[str, int], kills: int) -> Iterator[str]:
    sent = [notice for notice in rows["notices"] if notice["state"] == "sent"]
    for notice in rows["notices"]:
        if notice["state"] in ("recorded", "failed"):
            yield f"{notice['id']} is {notice['state']} in the end"
    perhaps = sum("may have reached them" in (notice["reason"] or "") for notice in rows["notices"])
    if not len(sent) <= len(mails) <= len(sent) + perhaps:
        yield f"{len(sent)} notices count as sent and {perhaps} as perhaps, {len(mails)} came"
    doubled = sum(count - 1 for count in mails.values())
    if doubled > kills:
        yield f"{doubled} mails came again, with {kills} kills"
    covered = Counter(notice["case_id"] for notice in rows["notices"] if notice["case_id"])
    for notice in rows["notices"]:
        covered.update(json.loads(notice["cases"]))
    for owed in rows["owed"]:
        if owed["told"] is None:
            yield f"{owed['case_id']}/{owed['seq']}: {owed['kind']} is owed to {owed['party'] or 'the provider'}"
        elif not covered[owed["case_id"]]:
            yield f"{owed['case_id']}: counts as told, and no notice tells of it"
    opened = {event["case_id"] for event in rows["events"] if event["type"] == "opened"}
    yield from (f"nobody was told of {case}" for case in opened if not covered[case])


def _steps(rows: Mapping[str, list[Row]], tickets: Mapping[str, int], kills: int) -> Iterator[str]:
    done = {action["id"] for action in rows["actions"] if action["state"] == "done"}
    for action in rows["actions"]:
        if action["state"] not in ("done", "skipped"):
            yield f"{action['id']} is {action['state']} in the end"
    told = {action["id"] for action in rows["actions"] if action["kind"] in TICKET_KINDS} & done
    reached = {f"{DEFAULT_TENANT}/{action}" for action in told}  # as they go by outside
    # A step that closes several tickets goes by its own id to one, and by that and the ticket's name to the others.
    came = {key if key in reached else key.rpartition("/")[0] for key in tickets}
    if came != reached:
        yield f"tickets came that are no steps, or steps are done that never came: {came ^ reached}"
    doubled = sum(count - 1 for count in tickets.values())
    if doubled > kills:
        yield f"{doubled} tickets came again, with {kills} kills"


def _left_open(rows: Mapping[str, list[Row]], left_open: Sequence[str]) -> Iterator[str]:
    """A ticket is closed once its case has ended, or all cases of its problem; that of a case that became one of a
    problem with the last of these."""
    into = {problem["id"]: problem["merged_into"] or problem["id"] for problem in rows["problems"]}
    home = {case["id"]: into.get(case["problem"], case["id"]) for case in rows["cases"]}
    still = {home[case["id"]] for case in rows["cases"] if case["is_open"]}
    subject = {f"{DEFAULT_TENANT}/{action['id']}": action["case_id"] for action in rows["actions"]}
    for key in left_open:
        of = subject[key]
        if home.get(of, into.get(of, of)) not in still:
            yield f"the ticket {key} is open, and all that it is about has ended"


def _reminders(
    rows: Mapping[str, list[Row]], plans: Sequence[tuple[str, int, Sequence[tuple[int, int]]]], lived_until: int
) -> Iterator[str]:
    """Everyone whom a work hits was reminded of each of its windows, once, at its time, and of none that was none by
    then."""
    by_work: dict[str, list[tuple[int, Sequence[tuple[int, int]]]]] = defaultdict(list)
    for work, at, windows in plans:
        by_work[work].append((at, windows))
    announced, reminded = defaultdict(set), Counter()
    for notice in rows["notices"]:
        if notice["kind"] == "maintenance":
            announced[notice["maintenance_id"]].add(notice["address"])
        elif notice["kind"] == "maintenance_reminder":
            start = json.loads(notice["payload"])["data"]["window"]["start"]
            reminded[notice["maintenance_id"], notice["address"], start] += 1
    yield from (f"{of} was reminded {count} times" for of, count in reminded.items() if count > 1)
    due: dict[tuple[str, str], bool] = {}
    for work, stretches in by_work.items():
        for (since, windows), (until, _) in pairwise([*stretches, (lived_until, ())]):
            for start, _ in windows:
                at = start - REMINDED
                if since - SLACK < at < until + SLACK:
                    must = since + SLACK < at and at + SLACK < until
                    due[work, format_instant(start)] = due.get((work, format_instant(start)), False) or must
    for (work, start), must in due.items():
        for address in announced[work] if must else ():
            if not reminded[work, address, start]:
                yield f"{address} was not reminded of the window of {work} at {start}"
    for work, address, start in reminded:
        if (work, start) not in due and parse_instant(start) - REMINDED < lived_until:
            yield f"{address} was reminded of a window of {work} at {start} that it did not have then"


def _problems(rows: Mapping[str, list[Row]]) -> Iterator[str]:
    state = {problem["id"]: problem["state"] for problem in rows["problems"]}
    still = Counter(case["problem"] for case in rows["cases"] if case["is_open"])
    for case in rows["cases"]:
        if case["problem"] is not None and case["problem"] not in state:
            yield f"{case['id']} is of a problem that there is not"
    for problem, its_state in state.items():
        if its_state != "open" and still[problem]:
            yield f"{problem} is {its_state}, with {still[problem]} open cases"
        if its_state == "open" and not still[problem]:
            yield f"{problem} is open without a case"
    causes = Counter(problem["cause"] for problem in rows["problems"] if problem["state"] == "open")
    yield from (f"two problems of {cause} are open" for cause, count in causes.items() if count > 1)


def _waiting(rows: Mapping[str, list[Row]], now: int) -> Iterator[str]:
    for entry in rows["agenda"]:
        if entry["ended_as"] is None and entry["due_at"] <= now:
            yield f"{entry['id']} waits since {entry['due_at']}"
        if entry["ended_as"] == "given_up":
            yield f"{entry['id']} was given up: {entry['error']}"
