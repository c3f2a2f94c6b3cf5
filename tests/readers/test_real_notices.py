"""Real notices of planned work, the test data of circuit-maintenance-parser, against the results that it keeps of them.

`notices/library/expected.json` has for each file what the library's own result says (`library`), and where ours is
another one, `ours` with why. `questions` are what a person is asked.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from upheld.maintenance.notified import WorkNotice
from upheld.readers.maintnote import Unreadable
from upheld.readers.provider_mails import MailParser, read_notice

FOLDER = Path(__file__).parent / "notices" / "library"
EXPECTED: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text())


def as_library_writes(notice: WorkNotice) -> dict[str, Any]:
    return {
        "start": notice.start // 1_000_000,
        "end": notice.end // 1_000_000,
        "status": notice.status,
        "account": notice.account,
        "maintenance_id": notice.maintenance_id,
        "circuits": [{"circuit_id": one.circuit_id, "impact": one.impact} for one in notice.circuits],
    }


def test_every_file_has_its_expectation() -> None:
    assert {path.name for path in FOLDER.iterdir()} - {"expected.json"} == set(EXPECTED)


@pytest.mark.parametrize("name", [name for name in EXPECTED if "refused" not in EXPECTED[name]])
def test_a_real_notice_is_read_with_its_times_circuits_and_ids(name: str, parser: MailParser) -> None:
    expected = EXPECTED[name]
    notices = read_notice((FOLDER / name).read_bytes(), parser)
    assert [as_library_writes(notice) for notice in notices] == expected.get("ours", expected["library"])
    assert ("ours" in expected) == ("why_ours_differs" in expected)
    assert expected.get("ours") != expected["library"]
    for notice in notices:
        asked = expected.get("questions", [])
        assert len(notice.doubts) == len(asked), notice.doubts
        assert all(said.startswith(start) for said, start in zip(notice.doubts, asked, strict=True)), notice.doubts


@pytest.mark.parametrize("name", [name for name in EXPECTED if "refused" in EXPECTED[name]])
def test_a_real_notice_that_contradicts_itself_or_has_an_unknown_form_is_not_understood(
    name: str, parser: MailParser
) -> None:
    with pytest.raises(Unreadable, match=EXPECTED[name]["refused"]):
        read_notice((FOLDER / name).read_bytes(), parser)
