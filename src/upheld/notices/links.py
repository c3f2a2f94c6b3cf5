"""Signed links: who may answer which question, without a login."""

import hashlib
from dataclasses import astuple, dataclass
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

MIN_SECRET = 16
MAX_TOKEN = 2000
SIGNED_PATHS = ("confirm", "decide", "claim", "notice", "planned", "feed")
"""The first part of the paths of signed links. They are open to all, and their tokens are shown nowhere else."""


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
class WorkQuestion:
    """What the contact to whom a notice of a tenant announced a planned work says of its window."""

    tenant: str
    notice: str


@dataclass(frozen=True, slots=True)
class Feed:
    """The feeds of a tenant's customer. With another `number` there are other links, and the earlier ones are void."""

    tenant: str
    customer: str
    number: int


_Asked = Question | ProblemQuestion | StepQuestion | ClaimQuestion | Receipt | WorkQuestion | Feed


class Links:
    """Makes and reads the installation's links. The whole question is inside the signed token, so a link can
    answer only what it was made for: another case, customer, contact or round needs another signature. Each purpose
    has its own salt. Whether the question still awaits an answer is the case's to say."""

    def __init__(self, secret: str, public_url: str) -> None:
        if len(secret) < MIN_SECRET:
            raise ValueError(f"the secret that signs links has at least {MIN_SECRET} characters")
        self._public_url = public_url.rstrip("/")
        self._questions, self._steps, self._claims, self._receipts, self._works, self._feeds = (
            URLSafeSerializer(
                secret,
                salt=f"upheld.{purpose}",
                signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
            )
            for purpose in ("confirm", "step", "claim", "notice", "planned", "feed")
        )

    def feed_url(self, feed: Feed, file: str) -> str:
        return f"{self._url('feed', self._feeds, feed)}/{file}"

    def read_feed(self, token: str) -> Feed:
        """The feeds that a token was made for. Raises BadLink on any other text."""
        match self._read(self._feeds, token):
            case [str(tenant), str(customer), int(number)]:
                return Feed(tenant, customer, number)
        raise BadLink("the link is not a feed's")

    def receipt_url(self, receipt: Receipt) -> str:
        return self._url("notice", self._receipts, receipt)

    def read_receipt(self, token: str) -> Receipt:
        """The notice that a token was made for. Raises BadLink on any other text."""
        match self._read(self._receipts, token):
            case [str(tenant), str(notice)]:
                return Receipt(tenant, notice)
        raise BadLink("the link is not a notice's")

    def work_url(self, question: WorkQuestion) -> str:
        return self._url("planned", self._works, question)

    def read_work(self, token: str) -> WorkQuestion:
        """The question that a token was made for. Raises BadLink on any other text."""
        match self._read(self._works, token):
            case [str(tenant), str(notice)]:
                return WorkQuestion(tenant, notice)
        raise BadLink("the link is not a planned work's")

    def claim_url(self, question: ClaimQuestion) -> str:
        return self._url("claim", self._claims, question)

    def read_claim(self, token: str) -> ClaimQuestion:
        """The question that a token was made for. Raises BadLink on any other text."""
        match self._read(self._claims, token):
            case [str(tenant), str(agreement), str(objective), str(service), int(period_start), str(contact)]:
                return ClaimQuestion(tenant, agreement, objective, service, period_start, contact)
        raise BadLink("the link is not a claim's")

    def step_url(self, question: StepQuestion) -> str:
        return self._url("decide", self._steps, question)

    def read_step(self, token: str) -> StepQuestion:
        """The step that a token was made for. Raises BadLink on any other text."""
        match self._read(self._steps, token):
            case [str(tenant), str(action)]:
                return StepQuestion(tenant, action)
        raise BadLink("the link is not a step's")

    def question_url(self, question: Question | ProblemQuestion) -> str:
        return self._url("confirm", self._questions, question)

    def read_question(self, token: str) -> Question | ProblemQuestion:
        """The question that a token was made for. Raises BadLink on any other text."""
        match self._read(self._questions, token):
            case [str(tenant), str(case_id), int(asked), str(contact)]:
                return Question(tenant, case_id, asked, contact)
            case [str(tenant), str(problem), str(party), int(told), str(contact)]:
                return ProblemQuestion(tenant, problem, party, told, contact)
        raise BadLink("the link is not a question's")

    def _url(self, path: str, purpose: URLSafeSerializer, asked: _Asked) -> str:
        assert path in SIGNED_PATHS, "a signed link at a path that is not known as one"
        token = purpose.dumps(astuple(asked))
        return f"{self._public_url}/{path}/{token if isinstance(token, str) else token.decode()}"

    def _read(self, purpose: URLSafeSerializer, token: str) -> Any:
        if len(token) > MAX_TOKEN:
            raise BadLink("the link is too long to be one of ours")
        try:
            return purpose.loads(token)
        except (BadData, ValueError, RecursionError):
            raise BadLink("the link is not one of ours, or not whole") from None
