"""Every example of a notice in every language, as it is mailed, against tests/golden/notices/<language>/: text, HTML,
calendar entry.

After a wanted change of a text, renew the files with `UPHELD_RENEW_GOLDEN=1 pytest tests/golden` and read the
difference before committing it: a customer will.
"""

import os
from pathlib import Path
from typing import get_args

import pytest

from upheld.agreements.contacts import Language
from upheld.notices.examples import EXAMPLES, PROVIDER, RECEIPT, example
from upheld.notices.model import NoticeKind
from upheld.notices.texts import letter

FILES = Path(__file__).parent / "notices"
RENEW = os.environ.get("UPHELD_RENEW_GOLDEN") == "1"


@pytest.mark.parametrize("language", get_args(Language))
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_notice_reads_as_agreed(name: str, language: Language) -> None:
    notice = example(name, language)
    mail = letter(notice, RECEIPT, PROVIDER.id)
    forms = {"txt": f"Subject: {notice.subject}\n\n{mail.text}", "html": mail.html}
    if notice.calendar is not None:
        forms["ics"] = notice.calendar
    for form, rendered in forms.items():
        file = FILES / language / f"{name}.{form}"
        if RENEW:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(rendered.encode())
        assert file.exists(), f"{language}/{file.name} is missing; see how to renew it above"
        assert rendered.encode() == file.read_bytes(), f"{language}/{file.name} reads otherwise; see above"


def test_every_kind_has_an_example() -> None:
    assert {one.kind for one in EXAMPLES.values()} == set(get_args(NoticeKind))
    assert all(EXAMPLES[kind].kind == kind for kind in get_args(NoticeKind))


def test_no_file_is_left_of_an_example_that_there_is_not() -> None:
    languages = {folder.name for folder in FILES.iterdir()}
    assert languages == set(get_args(Language))
    assert {file.stem for file in FILES.glob("*/*")} == set(EXAMPLES)
