"""Notices that are due, sent: stopped with a reason, handed to their channel, tried again, or sent elsewhere instead.

A notice was recorded before, under the id by which the other side knows it if it comes twice. What is told of it after
it was handed over, such as that it came back, is taken here too. Instants in microseconds UTC.
"""

import time
from dataclasses import replace

import structlog

from upheld.agreements.parties import Party
from upheld.agreements.units import DAY, HOUR, MINUTE
from upheld.notices.consent import OPTIONAL
from upheld.notices.digest import MAY_WAIT, digest_of, put_off
from upheld.notices.fallback import contact_of, elsewhere, undeliverable
from upheld.notices.model import ANNOUNCING, Notice, Receipt
from upheld.notices.planning import signing_secret
from upheld.notices.short import short_text
from upheld.notices.stages import MAX_ATTEMPTS, next_attempt, stop_reason, unsubscribed, verdicts_told
from upheld.outgoing.model import MEDIA_TYPE, source_of
from upheld.ports import AgendaEntry, Channels, Clock, DeliveryError, Mailer, Store, Transaction, Webhooks
from upheld.process.assessing.in_force import InForce
from upheld.process.process import Process
from upheld.process.telling.reactions import ARRIVED, outbox_entry
from upheld.recorder import Recorder

log = structlog.get_logger()

BROKEN_OFF = "an earlier try was broken off and may have reached them"
LONGEST_BEHIND = DAY
"""How old an earlier notice is at most that others wait behind: its own tries are over by then."""
LOOKS_AGAIN = 5 * MINUTE
"""After how long one that waits behind another looks again at the latest."""
_WEIGHT: dict[Receipt | None, int] = {None: 0, "delivered": 1, "bounced": 2, "read": 3}
"""What is known already is not undone by a receipt that says less."""


class NoticeSender:
    """Sends notices over the process and the channels."""

    def __init__(
        self,
        process: Process,
        store: Store,
        clock: Clock,
        mailer: Mailer,
        webhooks: Webhooks,
        channels: Channels,
        origin: str,
        recorder: Recorder = Recorder(),
    ) -> None:
        """`origin`: the installation's public address."""
        self._origin = origin
        self._process, self._store, self._clock, self._recorder = process, store, clock, recorder
        self._mailer, self._webhooks, self._channels = mailer, webhooks, channels

    def send(self, entry: AgendaEntry) -> None:
        """Sends the notice of an entry of the agenda, unless there is a reason not to."""
        with self._store.transaction(entry.tenant, writing=False) as t:
            notice = t.notice(entry.data["notice"])
            waits = notice is not None and notice.state == "recorded"
            stopped = _reason_to_stop(t, notice, self._clock.now()) if notice is not None and waits else None
        if notice is None or not waits:
            return self._finish(entry)
        if stopped is not None:
            died = notice.attempts < entry.attempts - 1  # the process did at a try: nobody knows how far that came
            reason = f"{stopped}; {BROKEN_OFF}" if died else stopped
            self._ended(entry, replace(notice, state="stopped", reason=reason))
            return self._recorder.notice_ended(notice.kind, notice.channel, "stopped")
        if self._waits_behind(entry, notice) or self._waits_for_others(entry, notice):
            return None
        began = time.monotonic()
        try:
            with self._recorder.span("deliver", kind="client", channel=notice.channel, attempt=entry.attempts):
                outside_id = self._deliver(entry.tenant, notice)
        except DeliveryError as fault:
            self._recorder.notice_attempted(notice.channel, "failed", time.monotonic() - began)
            return self._not_sent(entry, replace(notice, attempts=entry.attempts, reason=str(fault)), fault.permanent)
        self._recorder.notice_attempted(notice.channel, "handed_over", time.monotonic() - began)
        now = self._clock.now()
        if entry.data.get(ARRIVED) is not None:
            self._recorder.notice_arrived(notice.channel, now - entry.data[ARRIVED])
        sent = replace(notice, state="sent", sent_at=now, attempts=entry.attempts, reason=None, outside_id=outside_id)
        self._ended(entry, sent)
        self._recorder.notice_ended(notice.kind, notice.channel, "sent")
        if notice.own_text_failed is not None:
            template = (notice.text_version or "").partition(" ")[0]
            self._recorder.own_text_failed(template)
            log.warning("own text failed", template=template, reason=notice.own_text_failed)
        log.info("notice sent", case=notice.case_id, kind=notice.kind, channel=notice.channel)
        self._judge_anew(entry.tenant, sent)
        return None

    def _waits_behind(self, entry: AgendaEntry, notice: Notice) -> bool:
        """Whether an earlier notice about the same case or problem has still to reach the address: that goes first."""
        if _of_nothing(notice):
            return False
        now = self._clock.now()
        with self._store.transaction(entry.tenant, writing=False) as t:
            before = t.unsent_before(notice, now - LONGEST_BEHIND, now)
        if before is None:
            return False
        again = next_attempt(min(max(before.attempts, 1), MAX_ATTEMPTS - 1), now) or now
        with self._store.transaction(entry.tenant) as t:
            t.put_back(entry.id, min(again, now + LOOKS_AGAIN), f"waits behind {before.id}")
        self._recorder.entry_performed(entry.kind, "put_off")
        return True

    def _waits_for_others(self, entry: AgendaEntry, notice: Notice) -> bool:
        """Whether a notice is told with others instead, now or in a while."""
        if notice.kind not in MAY_WAIT:
            return False
        now = self._clock.now()
        parties = _parties(self._process.in_force(entry.tenant), notice)
        contact = contact_of(notice, *parties)
        if contact is None or contact.digest is None:
            return False
        with self._store.transaction(entry.tenant) as t:
            is_told = (t.notice(notice.id) or notice).state != "recorded"  # with others, by another worker, just now
            if is_told:
                t.finish(entry.id)
                return True
            later = put_off(notice, contact, t.count_sent(notice.channel, notice.address, now - HOUR), now)
            if later is not None:
                t.save_notice(replace(notice, together=later[0], not_before=later[1]))
                t.put_back(entry.id, later[1], f"waits for {later[0]}")
                return True
            waiting = [] if notice.together is None else t.notices_together(notice.together)
            telling = [n for n in waiting if n.state == "recorded" and _reason_to_stop(t, n, now) is None]
            if len(telling) < 2:
                return False
            digest = digest_of(telling, contact, *parties, now)
            t.save_notice(digest)
            t.schedule(outbox_entry(digest))
            for one in telling:
                t.save_notice(replace(one, state="stopped", reason=f"told together: in {digest.id}"))
            t.finish(entry.id)
        self._recorder.entry_performed(entry.kind, "done")
        return True

    def heard(self, tenant: str, notice_id: str, receipt: Receipt, detail: str) -> bool:
        """Takes what the receiving side tells of a notice that was handed over; whether it is new. What came back goes
        to the contact's next address, and the account manager is warned. Raises KeyError where there is no such notice,
        ValueError where it has not been handed over."""
        now, current = self._clock.now(), self._process.in_force(tenant)
        with self._store.transaction(tenant) as t:
            notice = t.notice(notice_id)
            if notice is None:
                raise KeyError(notice_id)
            if notice.state != "sent":
                raise ValueError(f"the notice is {notice.state}: it was never handed over")
            if _WEIGHT[notice.receipt] >= _WEIGHT[receipt]:
                return False
            notice = replace(notice, receipt=receipt, receipt_at=now, receipt_detail=detail)
            t.save_notice(notice)
            if receipt == "bounced":
                _go_elsewhere(t, current, notice, f"it came back: {detail}", now)
        self._judge_anew(tenant, notice)
        return True

    def heard_of(self, tenant: str, outside_id: str, receipt: Receipt, detail: str) -> str | None:
        """The same of a notice by the name that the receiving side knows it by; the notice's id, or None where none is
        known by that name."""
        with self._store.transaction(tenant, writing=False) as t:
            notice = t.notice_known_as(outside_id)
        if notice is None or notice.state != "sent":
            return None
        self.heard(tenant, notice.id, receipt, detail)
        return notice.id

    def acknowledge(self, tenant: str, notice_id: str, comment: str) -> None:
        """Keeps that the contact has read a notice, which is a receipt of it too; the first word holds, and a comment
        is added to it once. Raises KeyError."""
        now = self._clock.now()
        with self._store.transaction(tenant) as t:
            before = t.notice(notice_id)
            if before is None:
                raise KeyError(notice_id)
            at = before.acknowledged_at or now
            notice = replace(before, acknowledged_at=at, acknowledgement=before.acknowledgement or comment)
            if notice.receipt != "read":
                notice = replace(notice, receipt="read", receipt_at=now, receipt_detail="")
            if notice != before:
                t.save_notice(notice)
        if notice != before:
            self._judge_anew(tenant, notice)

    def _deliver(self, tenant: str, notice: Notice) -> str | None:
        """Hands a notice over; by what the other side will refer to it, if by anything."""
        match notice.channel:
            case "email":
                return self._mailer.send(tenant, notice)
            case "page":
                pager = self._channels.pagers.get(notice.address)
                if pager is None or not self._channels.may(tenant, notice.address):
                    raise DeliveryError(f"there is no channel {notice.address} that pages", permanent=True)
                pager.page(notice.subject, short_text(notice))
                return None
        secret = signing_secret(notice, *_parties(self._process.in_force(tenant), notice))
        if secret is None:
            raise DeliveryError("the contact is no longer in the portfolio", permanent=True)
        outside_id = f"{tenant}/{notice.id}"  # two tenants may have notices, as of one work's id, with the same id
        event = {
            "specversion": "1.0",
            "id": outside_id,
            "source": source_of(tenant, self._origin),
            "subject": notice.case_id or notice.problem_id or notice.maintenance_id or notice.id,
            "datacontenttype": "application/json",
            **(notice.payload or {}),
        }
        self._webhooks.post(notice.address, secret, outside_id, self._clock.now(), event, MEDIA_TYPE)
        return None

    def _not_sent(self, entry: AgendaEntry, notice: Notice, permanent: bool) -> None:
        again = None if permanent else next_attempt(entry.attempts, self._clock.now())
        reason = notice.reason or ""
        current = self._process.in_force(entry.tenant) if again is None else None
        with self._store.transaction(entry.tenant) as t:
            if again is None:
                t.save_notice(replace(notice, state="failed"))
                t.give_up(entry.id, reason)
                _wake_next(t, notice, self._clock.now())
                _go_elsewhere(t, current, notice, reason, self._clock.now())
            else:
                t.save_notice(notice)
                t.retry(entry.id, again, reason)
        self._recorder.entry_performed(entry.kind, "given_up" if again is None else "put_off")
        if again is None:
            self._recorder.notice_ended(notice.kind, notice.channel, "failed")
            self._judge_anew(entry.tenant, notice)
        log.warning("notice not sent", case=notice.case_id, again=again is not None, reason=reason)

    def _judge_anew(self, tenant: str, notice: Notice) -> None:
        if notice.kind in ANNOUNCING and notice.maintenance_id is not None:
            self._process.works.judge(tenant, notice.maintenance_id, notice.agreement)

    def _ended(self, entry: AgendaEntry, notice: Notice) -> None:
        with self._store.transaction(entry.tenant) as t:
            t.save_notice(notice)
            t.finish(entry.id)
            _wake_next(t, notice, self._clock.now())
        self._recorder.entry_performed(entry.kind, "done")

    def _finish(self, entry: AgendaEntry) -> None:
        with self._store.transaction(entry.tenant) as t:
            t.finish(entry.id)
        self._recorder.entry_performed(entry.kind, "done")


def _wake_next(t: Transaction, notice: Notice, now: int) -> None:
    """Lets the next notice go on that waited behind this one, which is on its way no more."""
    following = None if _of_nothing(notice) else t.unsent_after(notice, now)
    if following is not None:
        t.hasten(outbox_entry(following).id, now)


def _of_nothing(notice: Notice) -> bool:
    """Whether it is of no case and no problem, and so waits behind no other."""
    return notice.case_id is None and notice.problem_id is None


def _reason_to_stop(t: Transaction, notice: Notice, now: int) -> str | None:
    """Why a notice must not be sent now, by what it is about and by its receiver's wish; None where it may."""
    case = None if notice.case_id is None else t.case(notice.case_id)
    work = None if notice.maintenance_id is None else t.maintenance(notice.maintenance_id)
    verdicts = t.newest(verdicts_told(notice))
    return unsubscribed(_unwanted_since(t, notice)) or stop_reason(notice, case, work, now, verdicts)


def _unwanted_since(t: Transaction, notice: Notice) -> int | None:
    """Since when the address wants no more of the kind, where that is its to say."""
    return t.unsubscribed_at(notice.channel, notice.address, notice.kind) if notice.kind in OPTIONAL else None


def _go_elsewhere(t: Transaction, current: InForce | None, notice: Notice, why: str, now: int) -> None:
    """Records what is sent in place of a notice that did not arrive, and the word to the account manager."""
    customer, provider = _parties(current, notice)
    further = elsewhere(notice, customer, provider, now)
    warnings = undeliverable(notice, why, further, customer, provider, now)
    for one in (*([] if further is None else [further]), *warnings):
        t.save_notice(one)
        t.schedule(outbox_entry(one))


def _parties(current: InForce | None, notice: Notice) -> tuple[Party | None, Party | None]:
    """(customer, provider), as the portfolio has them now."""
    if current is None:
        return None, None
    return current.customers.get(notice.customer or ""), current.portfolio.provider
