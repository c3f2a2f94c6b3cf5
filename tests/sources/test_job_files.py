"""Files of measurement collection jobs: announced over HTTP, fetched from a real file server, taken whole or not at
all."""

import gzip
import io
import json
import shutil
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from fastapi.testclient import TestClient

from upheld.access import new_key
from upheld.agreements.units import HOUR, MINUTE, SECOND, format_instant
from upheld.app import Application, Settings
from upheld.notices.stages import MAX_ATTEMPTS
from upheld.ports import Busy
from upheld.readers.portfolio import parse_portfolio
from upheld.server import create_app
from upheld.sources import web_files
from upheld.sources.job_files import PATH

from .file_server import FileServer, answer, trickle
from .test_prometheus import PORTFOLIO

BASE = "/tmf-api/performance/v4"
JOBS = f"{BASE}/measurementCollectionJob"
READY = f"{BASE}/listener/measurementCollectionJobFilesReadyEvent"
NOT_READY = f"{BASE}/listener/measurementCollectionJobFilesPreparationErrorEvent"
ONLY = (ip_network("127.0.0.1/32"),)


class HandClock:
    """It stands still until it is turned."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        return self.at


class House:
    """An installation with a file server beside it. `fetch` does what its fetchers do."""

    def __init__(self, directory: Path, files: FileServer) -> None:
        self.directory, self.files = directory, files
        self.clock = HandClock(time.time_ns() // 1000)
        self.noon = self.clock.at // HOUR * HOUR - HOUR
        self.start()
        self.client = self.key("default", "operator")

    def start(self, **changes: Any) -> None:
        """As after a restart, with other settings."""
        given: dict[str, Any] = {"allowed_callbacks": ONLY, "max_file": 4096, "max_body": 2_000_000, **changes}
        settings = Settings(database_url=f"sqlite:///{self.directory}/upheld.db", **given)
        self.application = Application(settings, self.clock)
        self.app = create_app(self.application)

    def key(self, tenant: str, role: str) -> TestClient:
        secret, key = new_key(tenant, f"{tenant} {role}", role, self.clock.at)
        self.application.store.add_tenant(tenant, tenant)
        self.application.store.add_key(key)
        return TestClient(self.app, headers={"Authorization": f"Bearer {secret}"})

    def adopt(self, tenant: str = "default") -> None:
        self.application.process.adopt_portfolio(tenant, PORTFOLIO, parse_portfolio(PORTFOLIO, "portfolio"))

    def job(self, **changes: Any) -> str:
        """The id of a new job."""
        made = self.client.post(JOBS, json={"fileTransferData": [{"fileFormat": "CSV"}], **changes})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def announce(self, job: str, *paths: str, status: int = 201, client: TestClient | None = None, **said: Any) -> None:
        """Says that files are ready, each of them as `said`."""
        files = [{"fileLocation": path if "://" in path else self.files.url + path, **said} for path in paths]
        told: dict[str, Any] = {"id": job} | ({"fileTransferData": files} if files else {})
        body = {"eventType": "MeasurementCollectionJobFilesReadyEvent", "event": {"measurementCollectionJob": told}}
        answered = (client or self.client).post(READY, json=body)
        assert answered.status_code == status, answered.text

    def fetch(self) -> int:
        """Fetches what is due, and says how many fetches that were."""
        count = 0
        while self.application.performer.fetch():
            count += 1
        return count

    def pass_by(self, seconds: float) -> None:
        self.clock.at += round(seconds * SECOND)

    def state(self, job: str) -> str:
        return str(self.client.get(f"{JOBS}/{job}").json()["executionState"])

    def told(self, job: str) -> list[str]:
        """What the tracking records of a job say, without the server's address."""
        records = self.client.get(f"{JOBS}/{job}").json()["trackingRecord"]
        return [record["description"].replace(self.files.url, "") for record in records]

    def letters(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get("/v1/dead-letters").json()["dead_letters"]
        return found

    def replay(self, letter: dict[str, Any]) -> dict[str, Any]:
        answered = self.client.post(f"/v1/dead-letters/{letter['id']}/replay")
        assert answered.status_code == 200, answered.text
        came: dict[str, Any] = answered.json()
        return came

    def values(self, tenant: str = "default") -> list[float]:
        table = self.application.log.series(tenant, "line-1", "reachable", self.noon, self.noon + HOUR)
        found: list[float] = table["value"].to_pylist()
        return found

    def rows(self) -> int:
        """How many rows the log has, whether they hold or not."""
        return sum(table.num_rows for _, table, _ in self.application.log.read("default"))

    def csv(self, *values: float, service: str = "line-1", first: int = 0) -> bytes:
        lines = [f"{service},reachable,{self.time(first + minute)},{value}" for minute, value in enumerate(values)]
        return "\n".join(["service,metric,time,value", *lines, ""]).encode()

    def time(self, minute: int) -> str:
        return format_instant(self.noon + minute * MINUTE)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an agreement in force: copying it costs less than making it again."""
    path = tmp_path_factory.mktemp("installed") / "upheld.db"
    application = Application(Settings(database_url=f"sqlite:///{path}"))
    application.first_key()
    application.process.adopt_portfolio("default", PORTFOLIO, parse_portfolio(PORTFOLIO, "portfolio"))
    application.store.close()  # type: ignore[attr-defined]  # the SQL store has connections to close
    return path


@pytest.fixture
def files() -> Iterator[FileServer]:
    server = FileServer()
    yield server
    server.end()


@pytest.fixture
def house(installed: Path, tmp_path: Path, files: FileServer) -> House:
    shutil.copy(installed, tmp_path)
    return House(tmp_path, files)


@pytest.fixture
def bare(tmp_path: Path, files: FileServer) -> House:
    """An installation without an agreement."""
    return House(tmp_path, files)


def test_a_file_that_is_ready_is_fetched_and_taken(house: House) -> None:
    house.files.files["/pm/1.csv"] = house.csv(1, 0, 1)
    job = house.job()
    house.announce(job, "/pm/1.csv")
    assert (house.state(job), house.files.asked) == ("inProgress", []), "it is answered before it is fetched"
    assert house.fetch() == 1
    assert house.values() == [1, 0, 1]
    assert house.state(job) == "completed"
    assert house.told(job) == ["created", "1 file is ready", "/pm/1.csv: 3 measurements taken"]
    assert house.letters() == []
    with house.application.store.transaction("default", writing=False) as t:
        assert t.agenda() == []


def test_the_rest_of_the_process_knows_where_it_came_from(house: House) -> None:
    house.files.files["/pm/1.csv"] = house.csv(1)
    job = house.job()
    house.announce(job, "/pm/1.csv")
    house.fetch()
    sources = house.application.log.sources(
        "default", [("line-1", "reachable")], house.noon, house.noon + HOUR, after=0, upto=10**9
    )
    assert list(sources) == [f"TMF628/{job}"]
    metrics = house.client.get("/metrics").text
    assert 'upheld_measurements_taken_total{protocol="tmf628",tenant="default"} 1.0' in metrics
    house.announce(job, "/2.csv")
    house.fetch()
    (sender,) = [one for one in house.client.get("/v1/senders").json()["senders"] if one["name"] == f"TMF628/{job}"]
    assert (sender["measurements"], sender["error"]) == (1, f"{house.files.url}/2.csv: the file's server answered 404")


def parquet(house: House) -> bytes:
    columns = {"service": ["line-1"] * 2, "metric": ["reachable"] * 2, "time": [house.time(0), house.time(1)]}
    with io.BytesIO() as written:
        pa.parquet.write_table(pa.table({**columns, "value": [1.0, 0.0]}), written)
        return written.getvalue()


def arrow(house: House) -> bytes:
    table = pa.parquet.read_table(io.BytesIO(parquet(house)))
    with io.BytesIO() as written:
        with pa.ipc.new_file(written, table.schema) as writer:
            writer.write_table(table)
        return written.getvalue()


def json_lines(house: House) -> bytes:
    lines = [
        {"service": "line-1", "metric": "reachable", "time": house.time(n), "value": v} for n, v in enumerate((1, 0))
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.mark.parametrize(
    ("write", "name", "said"),
    [
        (parquet, "1.parquet", {}),
        (parquet, "export", {"fileFormat": "Apache Parquet"}),
        (arrow, "1.arrow", {}),
        (json_lines, "1.ndjson", {}),
        (json_lines, "1.txt", {"fileFormat": "application/x-ndjson"}),
        (json_lines, "1.csv", {"fileFormat": "JSONL"}),
        (lambda house: house.csv(1, 0), "1.CSV", {}),
        (lambda house: gzip.compress(house.csv(1, 0)), "1.csv.gz", {}),
        (
            lambda house: gzip.compress(house.csv(1, 0)),
            "1",
            {"fileFormat": "csv", "compressionType": {"compressionEnumType": "gzip"}},
        ),
    ],
)
def test_every_format_is_read(house: House, write: Any, name: str, said: dict[str, Any]) -> None:
    house.files.files[f"/{name}"] = write(house)
    job = house.job(fileTransferData=[{}])
    house.announce(job, f"/{name}", **said)
    house.fetch()
    assert (house.values(), house.state(job)) == ([1, 0], "completed"), house.told(job)


def test_what_a_notification_does_not_say_is_as_the_job_has_it(house: House) -> None:
    for name in ("a", "b", "c"):
        house.files.files[f"/{name}"] = house.csv(1, first=ord(name) - ord("a"))
    alone = house.job(fileTransferData=[{"fileLocation": f"{house.files.url}/a", "fileFormat": "CSV"}])
    house.announce(alone)
    house.announce(alone, "/b")
    by_location = house.job(
        outputFormat="XML",
        fileTransferData=[
            {"fileLocation": f"{house.files.url}/x", "fileFormat": "Parquet"},
            {"fileLocation": f"{house.files.url}/c", "fileFormat": "CSV"},
        ],
    )
    house.announce(by_location, "/c")
    by_output = house.job(outputFormat="csv", fileTransferData=[{}])
    house.files.files["/d"] = house.csv(1, first=3)
    house.announce(by_output, "/d")
    assert house.fetch() == 4
    assert house.values() == [1, 1, 1, 1]


def test_a_job_goes_on_until_none_of_its_files_waits(house: House) -> None:
    house.files.files |= {"/1.csv": house.csv(1), "/2.csv": house.csv(1, 0), "/4.csv": house.csv(1, 0, 1)}
    job = house.job()
    house.announce(job, "/1.csv", "/2.csv", "/3.csv", "/1.csv")
    assert house.told(job)[1:] == ["3 files are ready"]
    assert house.application.performer.fetch() == 1
    assert house.state(job) == "inProgress"
    assert house.fetch() == 2
    assert house.state(job) == "inProgress", "one is not there yet"
    house.files.files["/3.csv"] = b"service,metric"
    house.pass_by(31)
    assert house.fetch() == 1
    assert house.state(job) == "failed"
    house.announce(job, "/4.csv")
    assert house.fetch() == 1
    assert (house.state(job), house.values()) == ("failed", [1, 0, 1]), "a file of it could not be taken"
    (letter,) = house.letters()
    assert house.client.post(f"/v1/dead-letters/{letter['id']}/discard").json()["state"] == "discarded"
    assert (house.state(job), house.told(job)[-1]) == ("completed", "/3.csv: it is given up")


# -- once only --------------------------------------------------------------------------------------------------------


def test_an_announcement_that_comes_twice_is_one(house: House) -> None:
    house.files.files["/1.csv"] = house.csv(1, 0)
    job = house.job()
    for _ in range(2):
        house.announce(job, "/1.csv")
    assert house.fetch() == 1
    house.announce(job, "/1.csv")
    assert house.fetch() == 0
    assert (house.rows(), house.files.asked, house.state(job)) == (2, ["/1.csv"], "completed")
    other = house.job()
    house.announce(other, "/1.csv")
    assert house.fetch() == 1, "of another job it is another file"
    assert house.values() == [1, 0]


def test_a_fetch_that_was_cut_off_is_done_again_as_the_same(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.files.files["/1.csv"] = house.csv(1, 0)
    job = house.job()
    house.announce(job, "/1.csv")
    files = type(house.application.store)
    keep, died = files.append, [True]

    def append(*given: Any, **more: Any) -> int:
        kept = keep(*given, **more)
        if died.pop():
            raise SystemExit  # the process ends behind the log, and before the record of it
        return kept

    monkeypatch.setattr(files, "append", append)
    with pytest.raises(SystemExit):
        house.application.performer.fetch()
    monkeypatch.undo()
    house.start()
    assert house.fetch() == 0, "it is leased to the one that died"
    correction = {"service": "line-1", "metric": "reachable", "time": house.time(0), "value": 7}
    house.pass_by(1)
    answered = house.client.post(
        "/v1/measurements", content=json.dumps(correction), headers={"Content-Type": "application/x-ndjson"}
    )
    assert answered.is_success, answered.text
    house.pass_by(300)
    assert house.fetch() == 1
    assert house.values() == [7, 0], "the file is known since it was announced, the correction later"
    assert (house.state(job), house.told(job).count("/1.csv: 2 measurements taken")) == ("completed", 1)


def test_an_announcement_is_kept_over_a_restart(house: House) -> None:
    house.files.files["/1.csv"] = house.csv(1, 0)
    job = house.job()
    house.announce(job, "/1.csv")
    house.start()
    assert house.fetch() == 1
    assert (house.values(), house.state(job)) == ([1, 0], "completed")


def test_two_fetchers_fetch_a_file_once_and_a_slow_server_delays_no_other(house: House) -> None:
    release = threading.Event()

    def slow(handler: Any) -> None:
        release.wait(30)
        answer(200, {"content-length": str(len(house.csv(1)))}, house.csv(1))(handler)

    house.files.answers["/slow.csv"] = slow
    house.files.files["/quick.csv"] = house.csv(0, first=1)
    job = house.job()
    house.announce(job, "/slow.csv", "/quick.csv")
    waiting = threading.Thread(target=house.application.performer.fetch)
    waiting.start()
    deadline = time.monotonic() + 30
    while "/slow.csv" not in house.files.asked:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    house.pass_by(1)
    assert house.fetch() == 1
    assert house.values() == [0]
    assert house.application.performer.send() == house.application.performer.keep_time() == 0
    release.set()
    waiting.join(30)
    assert (house.values(), house.state(job)) == ([1, 0], "completed")
    assert sorted(house.files.asked) == ["/quick.csv", "/slow.csv"]


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_yet_is_tried_again_until_it_is(house: House) -> None:
    job = house.job()
    house.announce(job, "/late.csv")
    for pause in (30, 60, 120):
        assert house.fetch() == 1
        house.pass_by(pause - 1)
        assert house.fetch() == 0
        house.pass_by(1)
    house.files.files["/late.csv"] = house.csv(1)
    assert house.fetch() == 1
    assert (house.values(), house.state(job)) == ([1], "completed")
    assert house.told(job)[2:] == [
        "/late.csv: the file's server answered 404; it is tried again",
        "/late.csv: 1 measurement taken",
    ]


def test_a_file_that_never_comes_is_given_up_and_fetched_by_a_replay(house: House) -> None:
    job = house.job()
    house.announce(job, "/never.csv?signature=s3cret")
    tries = 0
    while house.state(job) == "inProgress":
        tries += house.fetch()
        house.pass_by(3600)
    assert tries == MAX_ATTEMPTS
    (letter,) = house.letters()
    assert (letter["reason"], letter["protocol"], letter["caller"]) == ("unreachable", PATH, f"TMF628/{job}")
    assert "answered 404; given up after 20 attempts" in letter["detail"][0]["message"]
    assert "s3cret" not in json.dumps(house.told(job)) + json.dumps(letter)
    came = house.replay(letter)
    assert (came["state"], came["taken"]) == ("waiting", 0)
    assert house.state(job) == "failed"
    house.files.files["/never.csv"] = house.csv(1, 0)
    came = house.replay(letter)
    assert (came["state"], came["taken"]) == ("replayed", 2)
    assert (house.values(), house.state(job)) == ([1, 0], "completed")
    assert house.told(job)[-1] == "/never.csv: 2 measurements taken by a replay"


BAD = b"service,metric,time,value\nline-1,reachable,2026-06-01T00:00:00Z,1\nline-1,reachable,yesterday,1\n"


@pytest.mark.parametrize(
    ("body", "said", "reason", "message"),
    [
        (BAD, {}, "refused", "yesterday"),
        (b"\xff\xfe", {}, "malformed", "UTF-8"),
        (b"", {}, "malformed", "it is empty"),
        (b"<measData/>", {"fileFormat": "XML"}, "unknown_format", "its fileFormat is 'XML'"),
        (b"x", {"fileFormat": "CSV", "packingType": {"packingEnumType": "TAR"}}, "unknown_format", "TAR"),
        (b"PAR1", {"fileFormat": "Parquet"}, "malformed", ""),
        (gzip.compress(b"x" * 2000, mtime=0)[:-9], {}, "malformed", "gzip"),
        (gzip.compress(b"x" * 4097, mtime=0), {}, "too_large", "unpacks to more than 4,096 bytes"),
        (b"x" * 4097, {}, "too_large", "4,097 bytes, and at most 4,096"),
    ],
)
def test_what_cannot_be_read_is_set_aside_whole(
    house: House, body: bytes, said: dict[str, Any], reason: str, message: str
) -> None:
    house.files.files["/1.csv"] = body
    job = house.job()
    house.announce(job, "/1.csv", **said)
    assert house.fetch() == 1
    assert (house.rows(), house.state(job)) == (0, "failed")
    (letter,) = house.letters()
    assert letter["reason"] == reason
    assert letter["detail"][0]["message"].startswith(f"{house.files.url}/1.csv: ")
    assert message in letter["detail"][0]["message"]
    assert house.told(job)[-1].endswith(f"; it is set aside as {letter['id']}")
    house.pass_by(7200)
    assert house.fetch() == 0


def test_a_faulty_row_is_named_and_a_corrected_file_is_taken_by_a_replay(house: House) -> None:
    house.files.files["/1.csv"] = BAD
    job = house.job()
    house.announce(job, "/1.csv")
    house.fetch()
    (letter,) = house.letters()
    assert (letter["detail"][0]["row"], letter["detail"][0]["field"]) == (3, "time")
    held = house.client.get(f"/v1/dead-letters/{letter['id']}").json()["text"]
    assert held.endswith(BAD.decode()), "the file can be looked at"
    assert house.replay(letter)["state"] == "waiting"
    house.files.files["/1.csv"] = house.csv(1, 0)
    assert house.replay(letter)["taken"] == 2
    assert (house.values(), house.state(job)) == ([1, 0], "completed")


def test_a_file_that_could_not_be_taken_is_fetched_when_it_is_announced_again(house: House) -> None:
    house.files.files["/1.csv"] = BAD
    job = house.job()
    house.announce(job, "/1.csv")
    house.fetch()
    house.files.files["/1.csv"] = house.csv(1, 0)
    house.pass_by(60)
    house.announce(job, "/1.csv")
    assert house.state(job) == "inProgress"
    assert house.fetch() == 1
    assert (house.values(), house.state(job)) == ([1, 0], "completed")


def test_what_is_not_there_any_more_is_replayed_from_what_was_kept(house: House) -> None:
    file = house.csv(1, 0, service="line-9")
    house.files.files["/1.csv"] = gzip.compress(file)
    job = house.job()
    house.announce(job, "/1.csv")
    house.fetch()
    (letter,) = house.letters()
    assert (letter["reason"], house.state(job)) == ("unread", "failed")
    del house.files.files["/1.csv"]
    assert house.replay(letter)["reason"] == "unread"
    portfolio = PORTFOLIO.replace("[line-1]", "[line-1, line-9]")
    house.application.process.adopt_portfolio("default", portfolio, parse_portfolio(portfolio, "portfolio"))
    assert house.replay(letter)["taken"] == 2
    assert (house.rows(), house.state(job)) == (2, "completed")


def test_rows_that_no_objective_reads_are_left_out_and_counted(house: House) -> None:
    house.files.files["/1.csv"] = house.csv(1, 0) + house.csv(1, 1, 1, service="line-9").partition(b"\n")[2]
    job = house.job()
    house.announce(job, "/1.csv")
    house.fetch()
    assert (house.rows(), house.state(job)) == (2, "completed")
    assert house.told(job)[-1] == "/1.csv: 2 measurements taken, 3 left out that no objective reads"


def test_a_file_waits_for_an_agreement(bare: House) -> None:
    bare.files.files["/1.csv"] = bare.csv(1, 0)
    job = bare.job()
    bare.announce(job, "/1.csv")
    assert bare.fetch() == 1
    assert (bare.state(job), bare.letters()) == ("inProgress", [])
    assert "has no agreement in force" in bare.told(job)[-1]
    bare.adopt()
    bare.pass_by(31)
    assert bare.fetch() == 1
    assert (bare.values(), bare.state(job)) == ([1, 0], "completed")


def test_a_file_waits_for_a_log_that_is_busy(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.files.files["/1.csv"] = house.csv(1, 0)
    job = house.job()
    house.announce(job, "/1.csv")

    def busy(*_: Any, **__: Any) -> int:
        raise Busy("more waits to be written than may wait")

    monkeypatch.setattr(type(house.application.store), "append", busy)
    assert house.fetch() == 1
    monkeypatch.undo()
    assert (house.values(), house.state(job)) == ([], "inProgress")
    house.pass_by(31)
    assert house.fetch() == 1
    assert (house.values(), house.state(job)) == ([1, 0], "completed")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.2/x.csv", "http://169.254.169.254/x.csv", "sftp://files.example.net/x"]
)
def test_what_may_not_be_fetched_from_is_refused_at_once(house: House, url: str) -> None:
    job = house.job()
    house.announce(job, url)
    assert house.fetch() == 1
    assert house.state(job) == "failed"
    (letter,) = house.letters()
    assert letter["reason"] == "unreachable"
    assert ("not public" in letter["detail"][0]["message"]) == url.startswith("http")


def test_without_an_allowed_network_nothing_private_is_fetched_from(house: House) -> None:
    house.files.files["/1.csv"] = house.csv(1)
    house.start(allowed_callbacks=())
    job = house.job()
    house.announce(job, "/1.csv")
    house.fetch()
    assert (house.state(job), house.files.asked) == ("failed", [])


def test_a_redirect_into_the_inside_is_refused(house: House) -> None:
    house.files.answers["/1.csv"] = answer(302, {"location": "http://127.0.0.3/1.csv", "content-length": "0"})
    job = house.job()
    house.announce(job, "/1.csv")
    house.fetch()
    (letter,) = house.letters()
    assert "not public" in letter["detail"][0]["message"]


def test_a_server_that_trickles_is_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_files, "PATIENCE", 0.3)
    house.files.answers["/1.csv"] = trickle
    house.start(max_file=10_000_000)
    job = house.job()
    house.announce(job, "/1.csv")
    assert house.fetch() == 1
    assert house.told(job)[-1] == "/1.csv: the file took too long; it is tried again"


def test_a_large_file_is_set_aside_without_what_it_holds_and_can_be_replayed(house: House) -> None:
    house.start(max_file=8_000_000)
    rows = b"".join(f"line-1,reachable,{house.time(n % 60)},1\n".encode() for n in range(40_000))
    house.files.files["/1.csv"] = b"service,metric,time,value\n" + rows + b"line-1,reachable,now,1\n"
    job = house.job()
    house.announce(job, "/1.csv")
    house.fetch()
    (letter,) = house.letters()
    assert (letter["reason"], letter["cut"]) == ("refused", False)
    house.files.files["/1.csv"] = house.csv(1, 0)
    assert house.replay(letter)["taken"] == 2


# -- the job ----------------------------------------------------------------------------------------------------------


def test_files_that_could_not_be_prepared_fail_the_job_with_the_reason_once(house: House) -> None:
    job = house.job()
    told = {"id": job, "trackingRecord": [{"description": "export disk is full"}]}
    for _ in range(2):
        body = {"eventId": "e-1", "event": {"measurementCollectionJob": told}}
        assert house.client.post(NOT_READY, json=body).status_code == 201
    assert (house.state(job), house.told(job)) == (
        "failed",
        ["created", "files could not be prepared: export disk is full"],
    )
    assert house.client.post(NOT_READY, json={**body, "eventId": "e-2"}).status_code == 201
    assert len(house.told(job)) == 3
    house.files.files["/1.csv"] = house.csv(1)
    house.announce(job, "/1.csv")
    house.fetch()
    assert house.state(job) == "completed"


@pytest.mark.parametrize("state", ["cancelled", "rejected"])
def test_a_job_that_is_called_off_has_nothing_fetched(house: House, state: str) -> None:
    house.files.files["/1.csv"] = house.csv(1)
    job = house.job()
    house.announce(job, "/1.csv")
    assert house.client.patch(f"{JOBS}/{job}", json={"executionState": state}).status_code == 200
    assert house.fetch() == 1
    assert (house.files.asked, house.state(job)) == ([], state)
    house.announce(job, "/1.csv", status=409)
    assert house.client.patch(f"{JOBS}/{job}", json={"executionState": "pending"}).status_code == 200
    house.pass_by(1)
    house.announce(job, "/1.csv")
    assert house.fetch() == 1
    assert (house.values(), house.state(job)) == ([1], "completed")


def test_a_job_that_is_forgotten_has_nothing_fetched(house: House) -> None:
    house.files.files["/1.csv"] = house.csv(1)
    job = house.job()
    house.announce(job, "/1.csv")
    assert house.client.delete(f"{JOBS}/{job}").status_code == 204
    assert house.fetch() == 1
    assert (house.files.asked, house.values()) == ([], [])
    house.announce(job, "/1.csv", status=404)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({}, "event.measurementCollectionJob: is missing"),
        ({"measurementCollectionJob": {}}, "event.measurementCollectionJob.id: is missing"),
        ({"measurementCollectionJob": {"id": "JOB"}}, "fileTransferData[0].fileLocation: is missing"),
        ({"measurementCollectionJob": {"id": "JOB", "fileTransferData": []}}, "fileTransferData: "),
        (
            {"measurementCollectionJob": {"id": "JOB", "fileTransferData": [{"fileLocation": 1}]}},
            "fileTransferData[0].fileLocation: ",
        ),
    ],
)
def test_an_announcement_that_cannot_be_taken_is_refused_and_nothing_kept(
    house: House, event: dict[str, Any], said: str
) -> None:
    job = house.job()
    body = json.loads(json.dumps({"event": event}).replace("JOB", job))
    refused = house.client.post(READY, json=body)
    assert refused.status_code == 400
    assert said in refused.json()["message"]
    assert house.fetch() == 0
    assert house.told(job) == ["created"]


def test_who_may_announce_and_of_which_jobs(house: House) -> None:
    house.files.files["/1.csv"] = house.csv(1, 0)
    job = house.job()
    house.announce(job, "/1.csv", client=TestClient(house.app), status=401)
    house.announce(job, "/1.csv", client=house.key("default", "metrics"), status=403)
    other = house.key("other", "ingest")
    house.announce(job, "/1.csv", client=other, status=404)
    body = {"event": {"measurementCollectionJob": {"id": job}}}
    assert other.post(NOT_READY, json=body).status_code == 404
    assert (house.fetch(), house.state(job)) == (0, "acknowledged")
    house.announce(job, "/1.csv", client=house.key("default", "ingest"))
    assert house.fetch() == 1
    assert (house.values(), house.values("other")) == ([1, 0], [])
