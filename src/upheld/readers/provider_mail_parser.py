"""Runs in an environment of its own, apart from Upheld's: a line of JSON in, a line of JSON out, for each mail.

The library `circuit-maintenance-parser` needs older versions of what Upheld uses; and what it reads came from outside:
here it has no secrets, no network and bounded memory, and takes nothing down with it. It imports nothing of Upheld.

In: {"provider": name or null, "sender": address, "parts": [[type, base64], ...]}
Out: {"read_as": provider, "guessed": whether the form alone spoke for it, "doubts": [...], "notices": [...]} or
{"why": text}

What the library gets wrong is mended here. It takes a time with a zone that it does not know for UTC, and GMT+3 for
three hours behind; it reads dates with dots, which begin with the day, as if they began with the month, and Cogent's,
which begin with the month, as if they began with the day; of Turkcell's circuits it finds those whose names are zeros
and ones; it does not know that SummitIG writes UTC too, nor KPN at all; it gives later windows of a work by Telxius
another number, and takes a work that Telxius cancels for a confirmed one; of several windows it joins BSO's to one,
takes Cirion's first, and FLAG's last; at New Year it takes Equinix's times for those of another year, and it knows
three widths of Equinix's tables; a work of GTT's that is cancelled it puts into 1970; it looks for the account of AWS
in the subject only; and it asks the internet where a place is.
"""

import base64
import itertools
import json
import logging
import re
import resource
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

MEMORY = 2 * 1024**3
HOURS = {
    0: "UTC GMT WET",
    1: "CET MET WEST",
    2: "CEST MEST EET SAST",
    3: "EEST MSK TRT",
    8: "HKT SGT",
    9: "JST",
    10: "AEST",
    11: "AEDT",
    12: "NZST",
    13: "NZDT",
    -3: "BRT ART",
    -4: "EDT",
    -5: "EST CDT",
    -6: "MDT",
    -7: "PDT",
    -8: "PST",
}
"""Zones that one thing alone is meant by. CST, IST, BST or MST may be anywhere, and are asked about."""
DOTTED = re.compile(r"\b\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})\b")
OFFSET = re.compile(r"\b(?:GMT|UTC)\s*([+-])\s*(\d{1,2})(?::?([0-5]\d))?\b")
CANCELLED = re.compile(r"\bon (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT) has been cancelled")
KPN_STATUS = {"aankondiging": "CONFIRMED", "annulering": "CANCELLED"}
KPN_COLUMNS = ("v/g/a number", "company a-location", "astrid/ida", "downtime", "aankondiging")
KPN_TIMES = ("start date", "start time", "end date", "end time")
DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
OF_A_SPAN = re.compile(r"([A-Z]+DAY), \d\d [A-Z]{3} \d\d:\d\d \d{4}")
"""A time of Equinix's, to which the library has put the year of the days at the place of the work."""
TELXIUS_TIME = re.compile(r"(Start|End) ?Time: (\d{1,2}/[A-Za-z]+/\d{4} \d{1,2}:\d\d) UTC\b", re.IGNORECASE)
AWS_ACCOUNT = re.compile(r"^Account Id: *(\d+)", re.MULTILINE)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.disable(logging.CRITICAL)
    import circuit_maintenance_parser as library
    from circuit_maintenance_parser.utils import Geolocator

    Geolocator.get_location_from_api = staticmethod(_no_network)
    read_dates_as_written()
    begin_with_the_month()
    find_every_circuit()
    know_summits_utc()
    know_kpn(library)
    keep_when_it_was_to_begin()
    leave_telxius_its_number()
    know_what_telxius_cancels()
    tell_windows_apart()
    take_flags_own_words()
    find_equinix_circuits_by_their_title()
    print(json.dumps({"ready": library.__version__}), flush=True)
    for line in sys.stdin:
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                answer = read(library, json.loads(line))
            answer["doubts"] = sorted(
                {_short(one.message) for one in said if "UnknownTimezone" in one.category.__name__}
            )
        except Exception as error:  # whatever a mail makes the library do is told of that mail
            answer = {"why": f"{type(error).__name__}: {_short(error)}"}
        print(json.dumps(answer), flush=True)


def read(library: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is understood of one mail: by the form of the provider that is named or whose address it came from, else by
    the form that fits, if what the forms that fit make of it is the same."""
    parts = with_account([(kind, base64.b64decode(content)) for kind, content in asked["parts"]])
    likely = candidates(library, asked["provider"], asked["sender"])
    reasons: list[str] = []
    for name, notices in readings(library, likely, parts, reasons):
        return {"read_as": name, "guessed": False, "notices": notices}
    if asked["provider"]:
        return {"why": "; ".join(reasons) or f"no provider is called {asked['provider']}"}
    others = [p for p in library.SUPPORTED_PROVIDERS if p not in likely]
    found = list(readings(library, others, parts, []))
    meant = {json.dumps([[n["start"], n["end"], n["circuits"]] for n in notices]) for _, notices in found}
    if len(meant) == 1:
        name, notices = found[0]
        return {"read_as": name, "guessed": True, "notices": notices}
    if found:
        reasons.append(f"several forms fit and differ: {', '.join(name for name, _ in found)}")
    return {"why": "; ".join(reasons) or "it has the form of no provider that is known"}


def readings(
    library: Any, providers: Sequence[Any], parts: Sequence[tuple[str, bytes]], reasons: list[str]
) -> Iterator[tuple[str, list[Any]]]:
    """What the forms of some providers make of a mail, those that fit; why the others do not is added to `reasons`."""
    for provider in providers:
        name = provider.get_provider_type()
        data = library.NotificationData()
        for kind, content in parts:
            data.add_data_part(kind, content)
        try:
            found = list(provider().get_maintenances(data))
        except Exception as error:
            reasons.append(f"{name}: {_short(_root(error))}")
            continue
        if found:
            yield name, [json.loads(one.to_json()) for one in found]
        else:
            reasons.append(f"{name}: this is no notice of work")


def read_dates_as_written() -> None:
    """Lets `dateutil` know the names of zones, that GMT+3 is three hours ahead, and that a date with dots begins with
    the day."""
    import dateutil.parser as dates
    from dateutil.tz import tzoffset

    zones = {name: tzoffset(name, hours * 3600) for hours, names in HOURS.items() for name in names.split()}
    parse = dates.parse

    def parse_as_written(text: Any, *given: Any, **named: Any) -> datetime:
        if isinstance(text, str):
            named = {"dayfirst": bool(DOTTED.search(text)), **named}
            text = OFFSET.sub(lambda found: f"{found[1]}{int(found[2]):02}{found[3] or '00'}", text)
        moment: datetime = parse(text, *given, **{"tzinfos": zones, **named})
        said = OF_A_SPAN.fullmatch(text) if isinstance(text, str) else None
        return in_the_year_of(said[1], moment) if said else moment

    dates.parse = parse_as_written


def in_the_year_of(weekday: str, moment: datetime) -> datetime:
    """A moment in its year, or the one before or after, in which its day is a `weekday`: in UTC a year begins sooner or
    later than where the work is done."""
    for year in (moment.year, moment.year - 1, moment.year + 1):
        with suppress(ValueError):  # a leap day
            if DAYS[moment.replace(year=year).weekday()] == weekday:
                return moment.replace(year=year)
    return moment


def begin_with_the_month() -> None:
    """Lets the reader of Cogent's mails read dates as Cogent writes them: 11/3/2022 is the third of November."""
    from circuit_maintenance_parser.parsers import cogent

    class MonthFirst(datetime):
        @classmethod
        def strptime(cls, text: str, form: str) -> datetime:  # type: ignore[override]
            try:
                return datetime.strptime(text, form.replace("%d/%m/%Y", "%m/%d/%Y"))  # noqa: DTZ007 - localized there
            except ValueError:
                return datetime.strptime(text, form)  # noqa: DTZ007

    cogent.datetime = MonthFirst


def find_every_circuit() -> None:
    """Lets the reader of Turkcell's mails find circuits by any digits."""
    from circuit_maintenance_parser.parsers import turkcell

    class AnyDigits:
        @staticmethod
        def search(pattern: str, text: str) -> "re.Match[str] | None":
            return re.search(pattern.replace("[0-1]", "[0-9]"), text)

    turkcell.re = AnyDigits


def know_summits_utc() -> None:
    """Lets the reader of SummitIG's mails know UTC beside America's zones."""
    from circuit_maintenance_parser.parsers import summitig

    local = summitig._parse_summit_datetime

    def any_zone(text: str, zone: str) -> int:
        if zone not in ("UTC", "GMT"):
            return int(local(text, zone))
        return int(datetime.strptime(text, "%m/%d/%Y %I:%M %p").replace(tzinfo=UTC).timestamp())

    summitig._parse_summit_datetime = any_zone


def keep_when_it_was_to_begin() -> None:
    """Lets the reader of GTT's mails find when a work that is cancelled was to begin. What its end was to be, such a
    mail does not say: an hour later."""
    from circuit_maintenance_parser.parsers import gtt

    read_tables = gtt.HtmlParserGTT1.parse_html

    def read_start(self: Any, soup: Any) -> list[Any]:
        found: list[Any] = read_tables(self, soup)
        said = CANCELLED.search(" ".join(soup.get_text().split()))
        for data in found:
            if data.get("start") == 0:
                data["start"] = data["end"] = None
                if said:
                    data["start"] = self.dt2ts(gtt.parser.parse(said[1]))
                    data["end"] = data["start"] + 3600
        return found

    gtt.HtmlParserGTT1.parse_html = read_start


def leave_telxius_its_number() -> None:
    """Lets all windows of a mail by Telxius have the work's own number, which the library changes of later ones."""
    from circuit_maintenance_parser.parsers import telxius

    parse = telxius.HtmlParserTelxius1.parse_html

    def one_number(self: Any, soup: Any) -> list[dict[str, Any]]:
        found = parse(self, soup)
        return [{**one, "maintenance_id": found[0].get("maintenance_id")} for one in found]

    telxius.HtmlParserTelxius1.parse_html = one_number


def know_what_telxius_cancels() -> None:
    """Lets a cancellation by Telxius be read: its subject lacks a word, and each of its times has its own line."""
    from circuit_maintenance_parser.parsers import telxius

    list_dates = telxius.HtmlParserTelxius1.parse_list_dates
    parse_subject = telxius.SubjectParserTelxius1.parse_subject

    def parse_list_dates(self: Any, items: Any, events: list[Any]) -> None:
        lines = [" ".join(item.get_text().split()) for item in items]
        told = [time for time in map(TELXIUS_TIME.match, lines) if time]
        if not told:
            list_dates(self, items, events)
            return
        if len(told) < len(lines) or [one[1].lower() for one in told] != ["start", "end"] * (len(told) // 2):
            raise ValueError("the list of windows is not of starts and ends by turns")
        times = [self.dt2ts(telxius.parser.parse(one[2])) for one in told]
        events += [{"start": start, "end": end} for start, end in zip(times[::2], times[1::2], strict=True)]

    def read_subject(self: Any, subject: str) -> list[dict[str, Any]]:
        words = " ".join(subject.split())
        whole = re.sub(r"(?<!SCHEDULED )Maintenance Notification:", r"SCHEDULED \g<0>", words)
        found: list[dict[str, Any]] = parse_subject(self, whole)
        if found[0] and re.search(r"\[CANCELL?ED\]", words):
            found[0]["status"] = "CANCELLED"
        return found

    telxius.HtmlParserTelxius1.parse_list_dates = parse_list_dates
    telxius.SubjectParserTelxius1.parse_subject = read_subject


def tell_windows_apart() -> None:
    """Lets the readers of BSO's, Cirion's and FLAG's mails find each window by itself."""
    from circuit_maintenance_parser.parsers import bso, cirion, flag

    for reader, windows_of in (
        (bso.HtmlParserBSO1, slots),
        (cirion.HtmlParserCirion1, lambda soup: rows(soup, "Start", 0)),
        (flag.HtmlParserFlag1, lambda soup: rows(soup, "Window", 1)),
    ):
        reader.parse_html = each_window(reader.parse_html, windows_of)


def take_flags_own_words() -> None:
    """Lets the reader of FLAG's mails know what they call a loss of redundancy, and no impact: to the library both are
    an outage."""
    from circuit_maintenance_parser.output import Impact
    from circuit_maintenance_parser.parsers import flag

    meant = {"no impact": Impact.NO_IMPACT, "loss of resiliency": Impact.REDUCED_REDUNDANCY}
    meant["resiliency loss"] = meant["loss of resiliency"]
    read = flag.HtmlParserFlag1.parse_html

    def as_meant(self: Any, soup: Any) -> list[Any]:
        found: list[Any] = read(self, soup)
        said = {circuit: " ".join(words.lower().split()) for circuit, words in rows(soup, "Service ID", 0)}
        for circuit in found[0]["circuits"]:  # the windows have them in common
            circuit["impact"] = meant.get(said.get(circuit["circuit_id"], ""), circuit["impact"])
        return found

    flag.HtmlParserFlag1.parse_html = as_meant


def find_equinix_circuits_by_their_title() -> None:
    """Lets the reader of Equinix's mails find circuits in a table of any width, where the library knows of three."""
    from circuit_maintenance_parser.parsers import equinix

    def read_tables(_: Any, headers: Any, data: dict[str, Any], impact: Any) -> None:
        for header in headers:
            if header.text.strip() != "Account #":
                continue
            titles = [cell.text.strip() for cell in header.find_parent("tr").find_all("th")]
            for row in header.find_parent("table").find_all("tr"):
                if cells := [cell.text.strip() for cell in row.find_all("td")]:
                    said = dict(zip(titles, cells, strict=True))
                    data["circuits"].append({"circuit_id": said["Service Serial #"], "impact": impact})
                    data["account"] = said["Account #"]

    equinix.HtmlParserEquinix._parse_table = read_tables


def each_window(read_as_one: Any, windows_of: Any) -> Any:
    """A reader of a body that gives what another finds in it once for each of its windows."""

    def read_each(self: Any, soup: Any) -> list[Any]:
        found: list[Any] = read_as_one(self, soup)
        windows = [(instant(start), instant(end)) for start, end in windows_of(soup)]
        return [{**found[0], "start": start, "end": end} for start, end in windows] if len(windows) > 1 else found

    return read_each


def slots(soup: Any) -> list[tuple[str, str]]:
    """The windows of a mail of BSO's: each name of a time stands before it."""
    texts = [" ".join(span.text.split()) for span in soup.find_all("span")]
    named = list(itertools.pairwise(texts))
    starts, ends = ([time for name, time in named if name.startswith(f"Timeslot {at} time")] for at in ("start", "end"))
    return list(dict.fromkeys(zip(starts, ends, strict=True)))


def rows(soup: Any, title: str, column: int) -> list[tuple[str, str]]:
    """The windows in the table whose first cell is `title`: the start in a column, the end in the next."""
    for table in soup.find_all("table"):
        first, *others = ([cell.text.strip() for cell in row.find_all("td")] for row in table.find_all("tr") or [table])
        if first[:1] == [title]:
            return [(cells[column], cells[column + 1]) for cells in others if len(cells) > column + 1]
    return []


def instant(text: str) -> int:
    """Seconds since 1970 of a time in UTC, whatever it says of its zone in brackets."""
    import dateutil.parser as dates

    moment: datetime = dates.parse(text.partition("(")[0])
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def know_kpn(library: Any) -> None:
    """Lets the library know KPN, whose mails have their works in a spreadsheet."""
    from circuit_maintenance_parser.parser import EmailDateParser, Xlsx
    from circuit_maintenance_parser.processor import CombinedProcessor
    from circuit_maintenance_parser.provider import GenericProvider
    from pydantic import PrivateAttr

    class KpnSheet(Xlsx):  # type: ignore[misc]
        @staticmethod
        def parse_xlsx(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
            return works_of_kpn(records)

    class KPN(GenericProvider):  # type: ignore[misc]
        _processors = PrivateAttr([CombinedProcessor(data_parsers=[EmailDateParser, KpnSheet])])
        _default_organizer = PrivateAttr("gwc-noreply@kpn.com")

    if all(provider.get_provider_type() != "kpn" for provider in library.SUPPORTED_PROVIDERS):
        library.SUPPORTED_PROVIDERS = (*library.SUPPORTED_PROVIDERS, KPN)


def works_of_kpn(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The works of a spreadsheet of KPN's, which has a row for each line, under names in Dutch and in English. A line
    that is down for no minute is not touched. Raises ValueError where a row says of a work what is not known, or a
    time that does not exist, or is there twice."""
    works: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in lines:
        said = {name.rpartition("|")[2].strip().lower(): value for name, value in row.items()}
        if missing := [name for name in (*KPN_COLUMNS, *KPN_TIMES) if name not in said]:
            raise ValueError(f"the spreadsheet has no column {', '.join(missing)}")
        word = str(said["aankondiging"]).strip()
        if word.lower() not in KPN_STATUS:
            raise ValueError(f"what KPN says of a work, {word}, is not known")
        start = _dutch(said["start date"], said["start time"])
        end = _dutch(said["end date"], said["end time"])
        reference = str(said["astrid/ida"]).strip()
        work = works.setdefault(
            (reference, start, end, word.lower()),
            {
                "account": str(said["company a-location"]).strip(),
                "maintenance_id": reference,
                "status": KPN_STATUS[word.lower()],
                "start": start,
                "end": end,
                "circuits": [],
                "summary": f"{word} {reference}",
            },
        )
        impact = "OUTAGE" if float(said["downtime"]) > 0 else "NO-IMPACT"
        work["circuits"].append({"circuit_id": str(said["v/g/a number"]).strip(), "impact": impact})
    return list(works.values())


def _dutch(day: Any, time: Any) -> int:
    """A day and a time of day in the Netherlands, as text or as the spreadsheet's own, in seconds UTC."""
    import pytz  # type: ignore[import-untyped]

    if isinstance(day, str):
        day = datetime.strptime(day.strip(), "%d-%m-%Y")  # noqa: DTZ007 - localized below
    if isinstance(time, str):
        time = datetime.strptime(time.strip()[:5], "%H:%M").time()  # noqa: DTZ007
    local = datetime.combine(day.date(), time)
    try:
        return int(pytz.timezone("Europe/Amsterdam").localize(local, is_dst=None).timestamp())
    except pytz.InvalidTimeError:
        raise ValueError(f"the clocks are put forward or back at {local:%Y-%m-%d %H:%M}") from None


def with_account(parts: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The parts of a mail; what AWS says of the account in the text alone stands in the subject too, as it does in its
    other mails."""
    text = b"\n".join(content for kind, content in parts if kind == "text/plain").decode("utf-8", errors="replace")
    account = AWS_ACCOUNT.search(text)
    if account is None:
        return parts
    said = f" [AWS Account: {account[1]}]".encode()
    return [
        (kind, content + said if kind == "email-header-subject" and b"AWS_" in content else content)
        for kind, content in parts
    ]


def candidates(library: Any, wanted: str | None, sender: str) -> list[Any]:
    """The providers whose forms are likely, the likeliest first."""
    providers = list(library.SUPPORTED_PROVIDERS)
    if wanted:
        return [p for p in providers if p.get_provider_type() == wanted.lower()]
    domain = sender.rpartition("@")[2].lower()
    exact = [p for p in providers if address(p) == sender.lower()]
    return exact + [p for p in providers if p not in exact and domain and related(domain, p)]


def address(provider: Any) -> str:
    organizer: str = provider.get_default_organizer()
    return organizer.lower().removeprefix("mailto:")


def related(domain: str, provider: Any) -> bool:
    """Whether a sender's domain is the provider's: the same organisation, or one that bears its name."""
    theirs = address(provider).rpartition("@")[2]
    return bool(theirs) and (organisation(theirs) == organisation(domain) or provider.get_provider_type() in domain)


def organisation(domain: str) -> str:
    labels = domain.split(".")
    last = 3 if len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3 else 2
    return ".".join(labels[-last:])


def _no_network(*_: object) -> None:
    raise ValueError("the place is not known")


def _root(error: BaseException) -> BaseException:
    related_errors = getattr(error, "related_exceptions", [])
    error = related_errors[0] if related_errors else error
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _short(error: object) -> str:
    text = " ".join(str(error).split())
    return (text[:200] + " ...") if len(text) > 200 else text or type(error).__name__


if __name__ == "__main__":
    main()
