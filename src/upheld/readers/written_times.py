"""Times of day as people write them in a notice, and the zones that they write beside them: held against the window
that a program has put down in UTC, which is local time often enough."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from upheld.agreements.units import to_datetime
from upheld.maintenance.notified import WorkNotice

_LOCAL = r"local(?:\s+time)?|Ortszeit|heure\s+locale|hora\s+local"
_NAMES = (
    r"UTC|GMT|Z|BST|IST|WET|WEST|CET|CEST|MEZ|MESZ|MET|MEST|EET|EEST|EST|EDT|CST|CDT|MST|MDT|PST|PDT|JST|HKT|SGT"
    r"|AEST|AEDT|ACST|AWST|NZST|NZDT|BRT|ART|MSK|TRT|SAST"
)
_ZONE = (
    r"(?:UTC|GMT)\s?[+-]\s?\d{1,2}(?::?[0-5]\d)?|\+\d\d:?[0-5]\d"
    rf"|{_NAMES}|(?i:{_LOCAL})"
    r"|(?:Africa|America|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Z][A-Za-z_]+"
)
_TIME = re.compile(
    r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?::[0-5]\d)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?(?:\s*(?:Uhr|hrs?)\b)?"
    rf"\s*[(\[]?(?P<zone>{_ZONE})?(?![A-Za-z])"
)
_UP_TO = re.compile(r"\s*(?:-|–|—|\b(?:to|until|till|bis|à|au|hasta|a)\b)[^:]{0,30}", re.IGNORECASE)
"""What stands between the two times of a window: the zone behind the second is the first one's too."""
_OF_ALL = re.compile(
    r"\b(?i:all times|times are|time ?zone|alle zeiten|zeitzone|fuseau horaire|zona horaria)\b[^\n.]{0,40}?"
    rf"(?P<zone>{_ZONE})(?![A-Za-z])"
)
_NAMED = re.compile(rf"\b(?:{_NAMES}|Greenwich|Zulu|(?i:{_LOCAL}|time ?zone))\b")
_UTC = re.compile(r"Z|(?:UTC|GMT)(?:\s?[+-]\s?0+(?::?00)?)?|\+00:?00", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Written:
    """What a text says of times: the `zones` that each time of day, as (hour, minute), is written in, "" where none is
    said; and whether it `names_zone` at all."""

    zones: Mapping[tuple[int, int], set[str]]
    names_zone: bool


def written(text: str) -> Written:
    """The times and zones of a text, looked for once for all the windows that it may speak of."""
    return Written(_labelled(text), _NAMED.search(text) is not None)


def zones_in_doubt(notice: WorkNotice, said: Written) -> list[str]:
    """Questions for a person where the text of a notice has a window's time of day, as it was read in UTC, with the
    name of another zone only: the provider may have meant local time."""
    doubts = []
    for name, at in (("start", notice.start), ("end", notice.end)):
        moment = to_datetime(at)
        zones = said.zones.get((moment.hour, moment.minute), set())
        others = sorted(zone for zone in zones if zone and not _UTC.fullmatch(zone))
        if others and len(others) == len(zones):
            read = f"the {name} was read as {moment:%H:%M} UTC, and the text has {moment:%H:%M} {others[0]}"
            doubts.append(f"{read}: is it UTC?")
    return doubts


def zone_untold(notice: WorkNotice, said: Written) -> list[str]:
    """A question for a person where the text of a notice has a window's time of day and no zone anywhere: it was
    taken for UTC."""
    start = to_datetime(notice.start)
    if said.names_zone or (start.hour, start.minute) not in said.zones:
        return []
    return [f"the start was read as {start:%H:%M} UTC, and the mail names no zone: is it UTC?"]


def _labelled(text: str) -> Mapping[tuple[int, int], set[str]]:
    """The times of day in a text, each with the zones that it is written in; "" where none is said."""
    of_all = {match["zone"] for match in _OF_ALL.finditer(text)}
    common = of_all.pop() if len(of_all) == 1 else ""
    found: dict[tuple[int, int], set[str]] = {}
    for at, zone in _times(text):
        found.setdefault(at, set()).add(" ".join((zone or common).split()))
    return found


def _times(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    matches = list(_TIME.finditer(text))
    for match, then in zip_longest(matches, matches[1:]):
        zone = match["zone"] or ""
        if not zone and then is not None and _UP_TO.fullmatch(text[match.end() : then.start()]):
            zone = then["zone"] or ""
        yield _time_of_day(match), zone


def _time_of_day(match: re.Match[str]) -> tuple[int, int]:
    hour, half = int(match["hour"]), (match["half"] or "").replace(".", "").lower()
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    return hour, int(match["minute"])
