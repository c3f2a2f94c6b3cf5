"""People paged by way of Apprise, which knows more than a hundred services: Signal, Teams, Slack, SMS, PagerDuty ..."""

import logging
from collections.abc import Callable

from upheld.ports import DeliveryError


class MissingApprise(ValueError):
    """Apprise is not installed."""


class ApprisePager:
    """Implements `ports.Pager`. `url` gives the destination as Apprise writes it, with its secrets, anew each time."""

    def __init__(self, name: str, url: Callable[[], str]) -> None:
        try:
            import apprise
        except ModuleNotFoundError:
            raise MissingApprise(f"channel {name}: kind apprise needs pip install 'upheld[paging]'") from None
        self._apprise, self._name, self._url = apprise, name, url
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its messages may hold the destination
        if not apprise.Apprise().add(url()):
            raise ValueError(f"channel {name}: url is not one that Apprise knows")

    def page(self, title: str, body: str) -> None:
        pager = self._apprise.Apprise()
        if not pager.add(self._url()):
            raise DeliveryError(
                f"the destination of channel {self._name} is not one that Apprise knows", permanent=True
            )
        text = self._apprise.NotifyFormat.TEXT
        if not pager.notify(body=body, title=title, body_format=text):
            raise DeliveryError(f"channel {self._name} did not take the page")
