"""What holds for all tests: random examples are the same each time, unless UPHELD_LAWS_EXAMPLES asks for new ones; and
in CI nothing may be skipped: with UPHELD_TEST_NO_SKIP set, a skipped test fails the run."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "upheld",
    derandomize="UPHELD_LAWS_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # which a busy machine is
)
settings.load_profile("upheld")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", [])) if reporter is not None else 0
    if os.environ.get("UPHELD_TEST_NO_SKIP") and skipped and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = len(terminalreporter.stats.get("skipped", []))
    if os.environ.get("UPHELD_TEST_NO_SKIP") and skipped:
        terminalreporter.line(f"{skipped} skipped, and UPHELD_TEST_NO_SKIP allows none", red=True)
