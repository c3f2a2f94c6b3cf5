"""What tests of readers share."""

from collections.abc import Iterator

import pytest

from upheld.readers.provider_mails import MailParser, NoParser, parser_python


@pytest.fixture(scope="module")
def parser() -> Iterator[MailParser]:
    try:
        parser_python()
    except NoParser as missing:
        pytest.skip(str(missing))
    with MailParser() as running:
        yield running
