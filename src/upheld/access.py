"""Who may do what: API keys for machines, sessions for browsers.

A key's secret is 256 random bits, so its SHA-256 digest is all that is stored and a fast hash is enough: what makes
slow hashes needful, guessing through the likely passwords, has nothing to guess here.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, replace
from typing import Literal

from itsdangerous import BadData, Signer, URLSafeSerializer

from upheld.agreements.units import HOUR
from upheld.ports import ApiKey, Store

Role = Literal["operator", "ingest", "metrics"]
ROLES: tuple[Role, ...] = ("operator", "ingest", "metrics")

ALARM_API = "/tmf-api/alarm/v4"
PERFORMANCE_API = "/tmf-api/performance/v4"
EVENT_API = "/tmf-api/event/v4"
DELIVERIES = ("/v1/measurements", "/v1/remote-write", "/v1/metrics", "/v1/events", "/v1/alertmanager")
"""What a source of data may post; `delivers` knows what else it may."""
_TMF_DELIVERIES = {
    "POST": re.compile(
        rf"{ALARM_API}/(alarm|listener/alarm(Create|StateChange|AttributeValueChange|Delete)Event)"
        rf"|{PERFORMANCE_API}/(measurementCollectionJob"
        r"|listener/measurementCollectionJobFiles(Ready|PreparationError)Event)"
    ),
    "PATCH": re.compile(rf"{ALARM_API}/alarm/[0-9]{{1,19}}|{PERFORMANCE_API}/measurementCollectionJob/[0-9]{{1,19}}"),
}
METRICS = "/metrics"

SESSION_COOKIE = "upheld_session"
SESSION_LIFETIME = 12 * HOUR

_SECRET = re.compile(r"uph_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request, once that is proven: by a key, or by the session that a key opened."""

    key_id: str
    tenant: str
    role: str
    by_session: bool = False
    key_name: str = ""

    @property
    def name(self) -> str:
        """What the ledger calls them: the key's name, or its id where a session does not know it."""
        return self.key_name or self.key_id

    def may(self, method: str, path: str) -> bool:
        """Whether the role admits the request: an operator may do all, an `ingest` key deliver data only, and a
        `metrics` key read the metrics only."""
        if self.by_session or self.role == "operator":
            return self.role == "operator"
        if self.role == "metrics":
            return method in ("GET", "HEAD") and path == METRICS
        return self.role == "ingest" and delivers(method, path)


def delivers(method: str, path: str) -> bool:
    """Whether a request delivers data."""
    if method == "POST" and path in DELIVERIES:
        return True
    resources = _TMF_DELIVERIES.get(method)
    return resources is not None and resources.fullmatch(path) is not None


def new_key(tenant: str, name: str, role: str, now: int) -> tuple[str, ApiKey]:
    """A new secret, to be shown once, and the key to be stored for it. Raises ValueError on an unknown role."""
    if role not in ROLES:
        raise ValueError(f"role: is one of {', '.join(ROLES)}")
    secret = f"uph_{secrets.token_urlsafe(32)}"
    return secret, ApiKey(
        id=secrets.token_hex(8), tenant=tenant, name=name, digest=digest(secret), role=role, created_at=now
    )


def digest(secret: str) -> str:
    """What is stored of a secret: its SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def authenticate(store: Store, secret: str) -> ApiKey | None:
    """The key of a secret, or None where there is none, or it is revoked.

    The look-up is by digest: its timing can tell something of a digest, from which nobody can work back to a secret.
    The stored digest is compared once more in constant time, whatever collation a database looks it up with."""
    if not _SECRET.fullmatch(secret):
        return None
    wanted = digest(secret)
    key = store.key_by_digest(wanted)
    if key is None or key.revoked_at is not None:
        return None
    return key if hmac.compare_digest(key.digest, wanted) else None


class Sessions:
    """Signed session cookies, and the CSRF tokens that go with them. Nothing is kept on the server: a cookie holds the
    key's id, tenant and role and when it was issued, and no secret. Whether that key still holds, `signed_in` says."""

    def __init__(self, secret: str, lifetime: int = SESSION_LIFETIME) -> None:
        """`lifetime` in microseconds."""
        self._cookies = URLSafeSerializer(secret, salt="upheld.session")
        self._csrf = Signer(secret, salt="upheld.csrf")
        self.lifetime = lifetime

    def issue(self, key: ApiKey, now: int) -> str:
        """The value of the cookie `SESSION_COOKIE` for whoever has shown the key."""
        return str(self._cookies.dumps([key.id, key.tenant, key.role, now]))

    def read(self, cookie: str, now: int) -> Caller | None:
        """Whose cookie it was when it was issued; None where it is forged, has run out, or was issued in the future."""
        try:
            key_id, tenant, role, issued_at = self._cookies.loads(cookie)
        except (BadData, ValueError):  # a ValueError where it is not even text
            return None
        if not 0 <= now - issued_at < self.lifetime:
            return None
        return Caller(key_id, tenant, role, by_session=True)

    def csrf_token(self, cookie: str) -> str:
        """The token that every form of this session carries."""
        return self._csrf.get_signature(cookie.encode()).decode()

    def csrf_holds(self, cookie: str, token: str) -> bool:
        """Whether `token` is the session's own."""
        return hmac.compare_digest(self.csrf_token(cookie).encode(), token.encode(errors="replace"))


def signed_in(store: Store, sessions: Sessions, cookie: str, now: int) -> Caller | None:
    """Whose session a cookie is, by the key that opened it as it is now; None where either does not hold any more."""
    caller = sessions.read(cookie, now)
    key = None if caller is None else store.key(caller.tenant, caller.key_id)
    if caller is None or key is None or key.revoked_at is not None:
        return None
    return replace(caller, role=key.role, key_name=key.name)


def open_sessions(store: Store) -> Sessions:
    """The installation's sessions, under the secret that it has kept since its first start."""
    return Sessions(store.setting("session_secret", secrets.token_urlsafe(32)))
