"""Of several processes on one database one assesses a tenant, and another one does once it is gone."""

from collections.abc import Callable

from upheld.store import SqlStore, open_store


def test_a_store_that_is_alone_leads_every_tenant(store: SqlStore) -> None:
    assert store.leads("a")
    assert store.leads("a")
    assert store.leads("b")


def test_one_of_two_leads_a_tenant_until_it_is_gone(new_schema: Callable[[], str]) -> None:
    url = new_schema()
    first, second = open_store(url), open_store(url)
    assert first.leads("a")
    assert not second.leads("a")
    assert second.leads("b")
    assert not first.leads("b")
    first.close()
    assert second.leads("a")
    assert second.leads("a")
    second.close()
