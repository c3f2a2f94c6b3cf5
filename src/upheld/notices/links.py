"""Signed links: who may answer which question, without a login."""

import hashlib
from dataclasses import astuple, dataclass
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

MIN_SECRET = 16
MAX_TOKEN = 2000


class BadLink(Exception):
    """The link is not one that this installation has made, or it was cut or changed."""


@dataclass(frozen=True, slots=True)
class Question:
    """Round `asked` of the question of a case, as put to one contact (`<role>/<number>`) of a tenant."""

    tenant: str
    case_id: str
    asked: int
    contact: str


@dataclass(frozen=True, slots=True)
class ProblemQuestion:
    """The question of all cases of a problem that one notice asks a contact about: what was told to a party (see
    `notices.model.Owed`) at `told`."""

    tenant: str
    problem: str
    party: str
    told: int
    contact: str


@dataclass(frozen=True, slots=True)
class StepQuestion:
    """What becomes of a step of a tenant, asked of those who are reached by its channel."""

    tenant: str
    action: str


@dataclass(frozen=True, slots=True)
class ClaimQuestion:
    """Whether a contact of a tenant's customer claims what a verdict earns; `period_start` in microseconds UTC."""

    tenant: str
    agreement: str
    objective: str
    service: str
    period_start: int
    contact: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the receiver of a notice of a tenant may say of it: that it was read, or that such ones are to stop."""

    tenant: str
    notice: str


@dataclass(frozen=True, slots=True)
class Feed:
    """The feeds of a tenant's customer. With another `number` there are other links, and the earlier ones are void."""

    tenant: str
    customer: str
    number: int


class Links:
    """Makes and reads the installation's links. The whole question is inside the signed token, so a link can
    answer only what it was made for: another case, customer, contact or round needs another signature. Each purpose
    has its own salt. Whether the question still awaits an answer is the case's to say."""

    def __init__(self, secret: str, public_url: str) -> None:
        if len(secret) < MIN_SECRET:
            raise ValueError(f"the secret that signs links has at least {MIN_SECRET} characters")
        self._public_url = public_url.rstrip("/")
        self._questions = URLSafeSerializer(
            secret,
            salt="upheld.confirm",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

        self._steps = URLSafeSerializer(
            secret,
            salt="upheld.step",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
        self._claims = URLSafeSerializer(
            secret,
            salt="upheld.claim",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

        self._receipts = URLSafeSerializer(
            secret,
            salt="upheld.notice",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

        self._feeds = URLSafeSerializer(
            secret,
            salt="upheld.feed",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )

    def feed_url(self, feed: Feed, file: str) -> str:
        token = self._feeds.dumps(astuple(feed))
        return f"{self._public_url}/feed/{token if isinstance(token, str) else token.decode()}/{file}"

    def read_feed(self, token: str) -> Feed:
        """The feeds that a token was made for. Raises BadLink on any other text."""
        match self._read(self._feeds, token):
            case [str(tenant), str(customer), int(number)]:
                return Feed(tenant, customer, number)
        raise BadLink("the link is not a feed's")

    def receipt_url(self, receipt: Receipt) -> str:
        token = self._receipts.dumps(astuple(receipt))
        return f"{self._public_url}/notice/{token if isinstance(token, str) else token.decode()}"

    def read_receipt(self, token: str) -> Receipt:
        """The notice that a token was made for. Raises BadLink on any other text."""
        match self._read(self._receipts, token):
            case [str(tenant), str(notice)]:
                return Receipt(tenant, notice)
        raise BadLink("the link is not a notice's")

    def claim_url(self, question: ClaimQuestion) -> str:
        token = self._claims.dumps(astuple(question))
        return f"{self._public_url}/claim/{token if isinstance(token, str) else token.decode()}"

    def read_claim(self, token: str) -> ClaimQuestion:
        """The question that a token was made for. Raises BadLink on any other text."""
        match self._read(self._claims, token):
            case [str(tenant), str(agreement), str(objective), str(service), int(period_start), str(contact)]:
                return ClaimQuestion(tenant, agreement, objective, service, period_start, contact)
        raise BadLink("the link is not a claim's")

    def step_url(self, question: StepQuestion) -> str:
        token = self._steps.dumps(astuple(question))
        return f"{self._public_url}/decide/{token if isinstance(token, str) else token.decode()}"

    def read_step(self, token: str) -> StepQuestion:
        """The step that a token was made for. Raises BadLink on any other text."""
        match self._read(self._steps, token):
            case [str(tenant), str(action)]:
                return StepQuestion(tenant, action)
        raise BadLink("the link is not a step's")

    def question_url(self, question: Question | ProblemQuestion) -> str:
        token = self._questions.dumps(astuple(question))
        return f"{self._public_url}/confirm/{token if isinstance(token, str) else token.decode()}"

    def read_question(self, token: str) -> Question | ProblemQuestion:
        """The question that a token was made for. Raises BadLink on any other text."""
        match self._read(self._questions, token):
            case [str(tenant), str(case_id), int(asked), str(contact)]:
                return Question(tenant, case_id, asked, contact)
            case [str(tenant), str(problem), str(party), int(told), str(contact)]:
                return ProblemQuestion(tenant, problem, party, told, contact)
        raise BadLink("the link is not a question's")

    def _read(self, purpose: URLSafeSerializer, token: str) -> Any:
        if len(token) > MAX_TOKEN:
            raise BadLink("the link is too long to be one of ours")
        try:
            return purpose.loads(token)
        except (BadData, ValueError, RecursionError):
            raise BadLink("the link is not one of ours, or not whole") from None
