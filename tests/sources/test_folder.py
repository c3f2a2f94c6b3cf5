"""A watched folder: each complete file once, in name order, whatever is cut off where; nothing outside of it."""

import errno
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from upheld.agreements.units import HOUR, MINUTE, format_instant
from upheld.app import Application, Settings
from upheld.ports import Busy, SourceFile
from upheld.readers.portfolio import parse_portfolio
from upheld.sources.declared import Declaration, FolderSource
from upheld.sources.running import Sources
from upheld.sources.taking import NotYet, Taking
from upheld.sources.watching import Watcher
from upheld.taking_in.admission import Admission, Limits, Refused

from .test_prometheus import PORTFOLIO


class House:
    """An installation, and a folder that it watches, on disk or in memory."""

    def __init__(self, directory: Path, url: str) -> None:
        self.application = Application(Settings(database_url=f"sqlite:///{directory}/upheld.db"))
        self.noon = self.application.clock.now() // HOUR * HOUR - HOUR
        self.url = url
        self.files, self.root = fsspec.core.url_to_fs(url)
        self.files.makedirs(self.root, exist_ok=True)
        self.stopping = threading.Event()

    def watcher(self, **changes: Any) -> Watcher:
        """One that has seen nothing yet, as after a restart."""
        given = {"id": "drop", "kind": "folder", "url": self.url, "settle": "1ms", "patience": "1ms", **changes}
        (source,) = Declaration.model_validate({"sources": [given]}).sources
        assert isinstance(source, FolderSource)
        application = self.application
        parts = application.process, application.ingestion, application.clock, application.telemetry
        taking = Taking(*parts, application.admission)
        return Watcher(source, taking, application.store, self.stopping)

    def take(self, **changes: Any) -> Watcher:
        """Looks twice: what is the same both times is complete."""
        watcher = self.watcher(**changes)
        watcher.look()
        self.stopping.wait(0.005)
        watcher.look()
        return watcher

    def csv(self, *values: float) -> str:
        lines = [f"line-1,reachable,{self.time(minute)},{value}" for minute, value in enumerate(values)]
        return "\n".join(["service,metric,time,value", *lines, ""])

    def time(self, minute: int) -> str:
        return format_instant(self.noon + minute * MINUTE)

    def put(self, name: str, content: str | bytes) -> None:
        with self.files.open(f"{self.root}/{name}", "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)

    def names(self, folder: str = "") -> list[str]:
        path = f"{self.root}/{folder}".rstrip("/")
        self.files.invalidate_cache()
        if not self.files.isdir(path):
            return []
        return sorted(
            str(one["name"]).rpartition("/")[2] for one in self.files.ls(path, detail=True) if one["type"] == "file"
        )

    def values(self) -> list[float]:
        table = self.application.log.series("default", "line-1", "reachable", self.noon, self.noon + HOUR)
        found: list[float] = table["value"].to_pylist()
        return found

    def rows(self) -> int:
        return sum(table.num_rows for _, table, _ in self.application.log.read("default"))

    def reasons(self) -> list[str]:
        with self.application.store.transaction("default", writing=False) as t:
            return sorted(letter.reason for letter in t.dead_letters())

    def told(self) -> list[str]:
        """The first fault of each dead letter."""
        with self.application.store.transaction("default", writing=False) as t:
            return sorted(letter.detail[0]["message"] for letter in t.dead_letters())

    def closed(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        """From now on a file cannot be opened, as one of another user: root could, and tests may run as root."""
        files = type(self.files)
        opening, opening_there = os.open, files.open

        def denied(path: Any) -> None:
            if str(path).endswith(f"/{name}"):
                raise PermissionError(errno.EACCES, "Permission denied")

        def open_here(path: Any, *given: Any, **more: Any) -> int:
            denied(path)
            return opening(path, *given, **more)

        def open_there(self: Any, path: Any, *given: Any, **more: Any) -> Any:
            denied(path)
            return opening_there(self, path, *given, **more)

        monkeypatch.setattr(os, "open", open_here)
        monkeypatch.setattr(files, "open", open_there)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an agreement in force: copying it costs less than making it again."""
    path = tmp_path_factory.mktemp("installed") / "upheld.db"
    application = Application(Settings(database_url=f"sqlite:///{path}"))
    application.first_key()
    application.process.adopt_portfolio("default", PORTFOLIO, parse_portfolio(PORTFOLIO, "portfolio"))
    application.store.close()  # type: ignore[attr-defined]  # the SQL store has connections to close
    return path


@pytest.fixture(params=["disk", "memory"])
def house(request: pytest.FixtureRequest, installed: Path, tmp_path: Path) -> Iterator[House]:
    shutil.copy(installed, tmp_path)
    url = str(tmp_path / "in") if request.param == "disk" else f"memory://upheld-{tmp_path.name}/in"
    made = House(tmp_path, url)
    yield made
    if request.param == "memory":
        made.files.rm(made.root, recursive=True)


@pytest.fixture
def on_disk(installed: Path, tmp_path: Path) -> House:
    shutil.copy(installed, tmp_path)
    return House(tmp_path, str(tmp_path / "in"))


def test_files_are_taken_in_the_order_of_their_names_and_moved_away(house: House) -> None:
    house.put("b.csv", house.csv(2, 1))
    house.put("a.csv", house.csv(9, 9, 9))
    house.put("notes.csv.part", house.csv(5, 5, 5, 5))
    house.put(".hidden.csv", house.csv(5, 5, 5, 5))
    watcher = house.take()
    assert house.values() == [2, 1, 9]
    assert house.names("done") == ["a.csv", "b.csv"]
    assert house.names() == [".hidden.csv", "notes.csv.part"]
    assert (watcher.standing.messages, watcher.standing.measurements) == (2, 5)


def test_each_format_is_known_by_its_name(house: House) -> None:
    line = f'{{"service": "line-1", "metric": "reachable", "time": "{house.time(0)}", "value": 0}}\n'
    house.put("a.jsonl", line)
    house.put("b.csv", house.csv(0, 1))
    house.put("c.xlsx", b"PK")
    house.take()
    assert house.values() == [0, 1]
    assert house.names("failed") == ["c.xlsx"]
    assert house.reasons() == ["unknown_format"]


def test_files_that_stay_are_taken_once_also_across_a_restart(house: House) -> None:
    house.put("a.csv", house.csv(1, 1))
    watcher = house.take(afterwards="keep")
    watcher.look()
    assert house.take(afterwards="keep").standing.messages == 0
    assert house.rows() == 2
    house.put("a.csv", house.csv(1, 0, 1))  # another content under the same name
    house.take(afterwards="keep")
    assert house.values() == [1, 0, 1]
    assert house.names() == ["a.csv"]


def test_a_file_of_the_same_name_does_not_replace_one_that_was_taken(house: House) -> None:
    house.put("a.csv", house.csv(1))
    house.take()
    house.put("a.csv", house.csv(0))
    house.take()
    assert house.values() == [0]
    assert house.names("done") == ["2-a.csv", "a.csv"]


def test_what_was_cut_off_before_its_end_was_written_down_is_taken_again_as_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where another source has corrected it in the meantime."""
    house.put("a.csv", house.csv(1, 1))
    watcher = house.watcher()
    save = watcher._save

    def killed(file: SourceFile) -> None:
        if file.state != "begun":
            raise KeyboardInterrupt
        save(file)

    monkeypatch.setattr(watcher, "_save", killed)
    watcher.look()
    house.stopping.wait(0.005)
    with pytest.raises(KeyboardInterrupt):
        watcher.look()
    house.put("z.csv", house.csv(0))
    house.take(pattern="z*")
    assert house.values() == [0, 1]
    house.take()
    assert house.rows() == 5, "two came twice"
    assert house.values() == [0, 1]
    assert house.names("done") == ["a.csv", "z.csv"]


def test_what_was_cut_off_before_it_was_moved_is_moved_and_not_taken_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.put("a.csv", house.csv(1, 1))
    watcher = house.watcher()
    monkeypatch.setattr(watcher, "_put_away", lambda *_: None)
    watcher.look()
    house.stopping.wait(0.005)
    watcher.look()
    assert house.names() == ["a.csv"]
    house.take()
    assert (house.rows(), house.names("done")) == (2, ["a.csv"])


def test_a_file_that_still_grows_waits_for_its_end(house: House) -> None:
    whole = house.csv(1, 0)
    house.put("a.csv", whole[:-5])
    watcher = house.watcher(patience="1h")
    watcher.look()
    house.stopping.wait(0.005)
    watcher.look()
    assert house.rows() == 0, "its last line has no end"
    house.put("a.csv", whole)
    watcher.look()
    assert house.rows() == 0, "it has just changed"
    house.stopping.wait(0.005)
    watcher.look()
    assert house.values() == [1, 0]


def test_what_cannot_be_read_is_set_aside_once_patience_ends(house: House) -> None:
    house.put("a.parquet", b"PAR1 cut off")
    house.put("b.csv", house.csv(1))
    patient = house.take(patience="1h")
    assert (house.values(), house.names(), patient.standing.set_aside) == ([1], ["a.parquet"], 0)
    house.take()
    assert (house.names(), house.names("failed"), house.reasons()) == ([], ["a.parquet"], ["malformed"])


def test_bad_rows_are_set_aside_and_the_others_taken_or_none_as_is_declared(house: House) -> None:
    house.put("a.csv", house.csv(1) + f"line-9,reachable,{house.time(1)},1\n")
    house.take()
    assert (house.values(), house.names("done"), house.reasons()) == ([1], ["a.csv"], ["refused"])
    house.put("b.csv", house.csv(0) + f"line-8,reachable,{house.time(1)},1\n")
    house.take(bad_rows="whole")
    assert (house.values(), house.names("failed"), house.reasons()) == ([1], ["b.csv"], ["refused", "refused"])
    [sender] = house.application.senders.of("default")
    assert (sender.name, sender.measurements, sender.refused, sender.future) == ("drop", 1, 2, 0)
    assert sender.error is not None
    assert sender.error.startswith("refused: b.csv: "), sender.error
    house.put("c.csv", house.csv(0) + f"line-7,reachable,{house.time(1)},1\n")
    house.take(unread="leave_out")
    assert (house.values(), house.names("done"), len(house.reasons())) == ([0], ["a.csv", "c.csv"], 2)


def test_of_a_file_no_row_of_which_can_be_taken_nothing_is_called_done(house: House) -> None:
    house.put("a.csv", "service,metric,time,value\nline-1,reachable,yesterday,1\n")
    house.put("b.csv", f"service,metric,time,value\nline-9,reachable,{house.time(0)},1\n")
    patient = house.take(patience="1h")
    assert (house.names(), patient.standing.set_aside) == (["a.csv", "b.csv"], 0)
    house.take()
    assert (house.names("done"), house.names("failed"), house.reasons()) == ([], ["a.csv", "b.csv"], ["refused"] * 2)
    first, second = house.told()
    assert first.startswith("a.csv: ")
    assert second.startswith("b.csv: ")


def test_a_file_that_cannot_be_opened_holds_up_none_behind_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.put("a.csv", house.csv(0))
    house.put("b.csv", house.csv(1))
    house.closed(monkeypatch, "a.csv")
    patient = house.take(patience="1h")
    assert (house.values(), house.names(), house.reasons()) == ([1], ["a.csv"], [])
    assert patient.look() == "a.csv: it cannot be opened: Permission denied"
    house.take()
    assert (house.names(), house.names("failed"), house.reasons()) == ([], ["a.csv"], ["unreadable"])
    assert house.told() == ["a.csv: it cannot be opened: Permission denied; it is not read and goes to failed/"]


def test_a_folder_that_is_away_makes_no_file_unreadable(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.put("a.csv", house.csv(1))
    away = OSError(errno.ESTALE, "Stale file handle")
    with monkeypatch.context() as patch:
        patch.setattr("upheld.sources.files.Folder.read", lambda *_: (_ for _ in ()).throw(away))
        with pytest.raises(OSError, match="Stale"):
            house.take()
    assert (house.names(), house.reasons()) == (["a.csv"], [])
    house.take()
    assert house.values() == [1]


def test_a_file_that_cannot_be_moved_is_taken_once_and_holds_up_none_behind_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.put("a.csv", house.csv(0))
    house.put("b.csv", house.csv(1, 1))
    move = type(house.files).mv

    def denied(self: Any, source: str, target: str) -> None:
        if source.endswith("/a.csv"):
            raise PermissionError(errno.EACCES, "Permission denied")
        move(self, source, target)

    with monkeypatch.context() as patch:
        patch.setattr(type(house.files), "mv", denied)
        watcher = house.take()
        assert watcher.look() == "a.csv: it cannot be moved to done/: Permission denied"
    assert (house.names(), house.names("done"), house.rows()) == (["a.csv"], ["b.csv"], 3)
    assert watcher.look() is None
    assert (house.names(), house.names("done"), house.rows()) == ([], ["a.csv", "b.csv"], 3)


def test_each_file_that_was_not_read_is_a_letter_of_its_own_and_is_never_said_to_be_replayed(house: House) -> None:
    house.put("a.xlsx", b"PK")
    house.put("b.xlsx", b"PKPK")
    house.put("c.csv", house.csv(*[1] * 60))
    house.put("d.csv", house.csv(*[1] * 60))
    house.take(max_bytes=1024)
    with house.application.store.transaction("default", writing=False) as t:
        letters = sorted(t.dead_letters(), key=lambda one: one.detail[0]["message"])
    assert [(one.detail[0]["message"][:5], one.times) for one in letters] == [
        ("a.xls", 1),
        ("b.xls", 1),
        ("c.csv", 1),
        ("d.csv", 1),
    ]
    assert [one.size for one in letters] == [2, 4, *[len(house.csv(*[1] * 60))] * 2]
    for letter in letters:
        came = house.application.replays.replay("default", letter.id, None)
        assert (came.taken, came.letter.state, came.letter.reason) == (0, "waiting", letter.reason)
        assert came.letter.detail == letter.detail


def test_a_file_that_is_too_large_is_not_read(house: House) -> None:
    house.put("a.csv", house.csv(*[1] * 60))
    house.take(max_bytes=1024)
    assert (house.rows(), house.names("failed"), house.reasons()) == (0, ["a.csv"], ["too_large"])


def test_what_a_tenant_sends_beyond_its_limits_waits_in_the_folder(on_disk: House) -> None:
    now, backlog = [0.0], [0]
    limits = Limits(samples_per_second=1, backlog_rows=10)
    application = on_disk.application
    application.admission = Admission(
        limits, 1, 1 << 20, own_limits=lambda _: {}, behind=lambda _: backlog[0], now=lambda: now[0]
    )
    on_disk.put("a.csv", on_disk.csv(*[1] * 12) + f"line-9,reachable,{on_disk.time(1)},1\n")
    on_disk.put("b.csv", on_disk.csv(0))
    with pytest.raises(NotYet, match="tenant default: more than 1 samples a second were sent"):
        on_disk.take()
    assert (on_disk.names("done"), on_disk.names()) == (["a.csv"], ["b.csv"])
    now[0] = 2.9
    with pytest.raises(NotYet, match="samples a second"):
        on_disk.take()
    now[0], backlog[0] = 3.1, 11
    with pytest.raises(NotYet, match="11 measurements wait for their assessment; 10 may"):
        on_disk.take()
    backlog[0] = 10
    on_disk.take()
    assert (on_disk.names("done"), on_disk.values()) == (["a.csv", "b.csv"], [0] + [1] * 11)


def test_the_sources_of_a_server_ask_as_its_requests_do(on_disk: House, tmp_path: Path) -> None:
    declared = tmp_path / "sources.yaml"
    declared.write_text(f"sources: [{{id: drop, kind: folder, url: {on_disk.url}, every: 50ms, settle: 1ms}}]")
    url = f"sqlite:///{tmp_path}/upheld.db"
    application = Application(Settings(database_url=url, sources=declared, tenant_samples_per_second=1))
    on_disk.put("a.csv", on_disk.csv(*[1] * 50))
    application.start()
    try:
        ends = time.monotonic() + 30
        while on_disk.names("done") != ["a.csv"]:
            assert time.monotonic() < ends
            time.sleep(0.02)
        with pytest.raises(Refused, match="more than 1 samples a second"):
            application.admission.check("default")
    finally:
        application.stop()


def test_while_the_log_is_busy_a_file_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its bad rows are set aside once, however often it is tried."""
    house.put("a.csv", house.csv(1) + f"line-9,reachable,{house.time(1)},1\n")
    with monkeypatch.context() as patch:

        def busy(*_: object) -> int:
            raise Busy("too much waits to be written")

        patch.setattr(house.application.process, "take_measurements", busy)
        with pytest.raises(Busy):
            house.take()
    assert (house.names(), house.reasons()) == (["a.csv"], [])
    house.take()
    assert (house.values(), house.names("done"), house.reasons()) == ([1], ["a.csv"], ["refused"])


def test_no_link_leads_out_of_the_folder(on_disk: House, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(on_disk.csv(7))
    folder = Path(on_disk.root)
    (folder / "a.csv").symlink_to(outside / "secret.csv")
    os.mkfifo(folder / "b.csv")
    on_disk.take()
    assert on_disk.rows() == 0
    (folder / "done").symlink_to(outside)
    on_disk.put("c.csv", on_disk.csv(1))
    watcher = on_disk.watcher()
    watcher.look()
    on_disk.stopping.wait(0.005)
    assert "is a link, and nothing is moved out of the folder" in (watcher.look() or "")
    assert on_disk.names() == ["c.csv"]
    assert sorted(path.name for path in outside.iterdir()) == ["secret.csv"]


def test_a_file_that_becomes_a_link_between_two_looks_is_not_followed(on_disk: House, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(on_disk.csv(7))
    on_disk.put("a.csv", on_disk.csv(1))
    watcher = on_disk.watcher()
    watcher.look()
    found = watcher._folder.look() if watcher._folder is not None else []
    (Path(on_disk.root) / "a.csv").unlink()
    (Path(on_disk.root) / "a.csv").symlink_to(tmp_path / "secret.csv")
    assert watcher._folder is not None
    with pytest.raises(OSError, match="symbolic link"):
        watcher._folder.read(found[0])


def test_a_folder_that_is_not_there_is_looked_for_again(on_disk: House, tmp_path: Path) -> None:
    folder = Path(on_disk.root)
    folder.rmdir()
    watcher = on_disk.watcher(every="50ms")
    thread = threading.Thread(target=watcher.run)
    thread.start()
    try:
        while watcher.standing.lost == 0:
            on_disk.stopping.wait(0.01)
        assert watcher.standing.error == "Lost: there is no such folder"
        folder.mkdir()
        on_disk.put("a.csv", on_disk.csv(1))
        while watcher.standing.messages == 0:
            on_disk.stopping.wait(0.01)
    finally:
        on_disk.stopping.set()
        thread.join(30)
    assert on_disk.values() == [1]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_metrics_and_health_tell_how_a_source_stands(on_disk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    application = on_disk.application
    given = {"id": "drop", "kind": "folder", "url": on_disk.url, "every": "50ms"}
    declared = Declaration.model_validate({"sources": [given]})
    taking = Taking(application.process, application.ingestion, application.clock)
    application.sources = sources = Sources(declared, taking, application.store)
    labels = {"tenant": "default", "source": "drop", "kind": "folder"}

    def metric(name: str) -> float | None:
        found: float | None = application.telemetry.registry.get_sample_value(name, labels)
        return found

    def until(true: Callable[[], bool]) -> None:
        ends = time.monotonic() + 30
        while not true():
            assert time.monotonic() < ends
            time.sleep(0.02)

    assert (metric("upheld_source_up"), metric("upheld_source_losses_total")) == (0, 0)
    sources.start()
    until(lambda: metric("upheld_source_up") == 1)
    away = Path(on_disk.root).rename(Path(on_disk.root).with_name("away"))
    until(lambda: metric("upheld_source_up") == 0 and (metric("upheld_source_losses_total") or 0) >= 1)
    away.rename(on_disk.root)
    until(lambda: metric("upheld_source_up") == 1)
    assert application.failing() == {}

    def ended(_: object) -> None:
        raise SystemExit

    monkeypatch.setattr(Watcher, "look", ended)
    until(lambda: application.failing() == {"source drop": "ended"})
    assert metric("upheld_source_up") == 0
    sources.stop()
    assert application.failing() == {}
