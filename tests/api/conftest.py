"""One real application on SQLite, in which each test has two tenants of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from upheld.access import new_key
from upheld.agreements.units import DAY
from upheld.app import Application, Settings
from upheld.server import create_app

PORTFOLIO = (Path(__file__).parent / "portfolio.yaml").read_text()
_numbers = count(1)


@dataclass(frozen=True)
class House:
    """The application, its HTTP side, and ways in. Tenants have a name within a test, such as `north`, and another in
    the database that all tests share."""

    application: Application
    app: FastAPI
    number: int

    def tenant(self, name: str) -> str:
        return f"{name}-{self.number}"

    def key(self, name: str, role: str = "operator") -> str:
        """The secret of a new key of a tenant."""
        secret, key = new_key(self.tenant(name), "test", role, self.application.clock.now())
        self.application.store.add_tenant(key.tenant, name.title())
        self.application.store.add_key(key)
        return secret

    def client(self, secret: str | None = None) -> TestClient:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return TestClient(self.app, headers=headers, follow_redirects=False)

    def pulse(self) -> None:
        """Assesses what `north` has delivered."""
        self.application.process.pulse(self.tenant("north"))

    def batches(self) -> list[int]:
        """How many rows each batch has that the log holds of `north`."""
        return [table.num_rows for _, table, _ in self.application.log.read(self.tenant("north"))]


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Application, FastAPI]]:
    """One installation for all the tests here."""
    database = tmp_path_factory.mktemp("api") / "upheld.db"
    application = Application(Settings(database_url=f"sqlite:///{database}", max_body=200_000, assessment_delay=0))
    yield application, create_app(application)
    application.stop()
    application.store.close()  # type: ignore[attr-defined]  # the SQL store has connections to close


@pytest.fixture
def house(served: tuple[Application, FastAPI]) -> House:
    return House(*served, number=next(_numbers))


@pytest.fixture
def north(house: House) -> TestClient:
    """An operator of the tenant `north`, whose agreements are in force."""
    client = house.client(house.key("north"))
    # What was over before a tenant came opens no case: this one has been here since yesterday.
    since = str(house.application.clock.now() - DAY)
    house.application.store.setting(f"managed_since/{house.tenant('north')}", since)
    answer = client.put("/v1/agreements", content=PORTFOLIO, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 200, answer.text
    return client


@pytest.fixture
def south(house: House) -> TestClient:
    """An operator of another tenant, which has nothing."""
    return house.client(house.key("south"))
