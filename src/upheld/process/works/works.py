"""Planned works, one transaction for each thing that is asked of them: planned, foreseen, announced, objected to,
changed, cancelled, lived through, and judged."""

from collections.abc import Callable, Sequence
from typing import Literal

from upheld.agreements.model import Portfolio
from upheld.analysis.better_slot import Wanted
from upheld.analysis.topology import Topology
from upheld.analysis.work_preview import Preview
from upheld.maintenance.model import Maintenance, Window, is_same_plan
from upheld.maintenance.notified import WorkNotice
from upheld.maintenance.objection import Objection
from upheld.maintenance.received import NoticedWork, Received
from upheld.notices.model import Notice
from upheld.notices.planning import WorkLink
from upheld.ports import Clock, Store, Transaction
from upheld.ports.settling import settled
from upheld.process.assessing.in_force import Portfolios
from upheld.process.works import announcing, foreseeing, intake, objecting, work_life


class Differs(Exception):
    """There is a work of an id, and it is another one, or was cancelled (`state`)."""

    def __init__(self, work: str, state: str) -> None:
        super().__init__(f"{work!r} {'was cancelled' if state == 'cancelled' else 'is another work'}; give a new id")
        self.work = work


class Works:
    """Planned works of each tenant. `work_link(tenant)` signs links to an announced work."""

    def __init__(
        self, store: Store, portfolios: Portfolios, clock: Clock, work_link: Callable[[str], WorkLink]
    ) -> None:
        self._store, self._portfolios, self._clock, self._work_link = store, portfolios, clock, work_link

    def plan(self, tenant: str, maintenance: Maintenance) -> Sequence[Notice]:
        """Takes in a planned work and puts its announcements on the agenda; returns them. The same work again
        changes nothing."""
        with self._store.transaction(tenant) as t:
            return announcing.plan(t, maintenance, *self._announcing(t, tenant))

    def plan_all(self, tenant: str, works: Sequence[Maintenance]) -> None:
        """Takes in several works, all of them or none. Raises Differs where one of them is planned otherwise."""

        def take(t: Transaction) -> None:
            for work in works:
                known = t.maintenance(work.id)
                if known is not None and not is_same_plan(known, work):
                    raise Differs(work.id, known.state)
                announcing.plan(t, work, *self._announcing(t, tenant))

        settled(self._store, tenant, take)

    def preview(
        self, tenant: str, maintenance: Maintenance, wanted: Wanted | None = None, agreeing: bool = False
    ) -> Preview:
        """What a work would do if it was planned now, and where a better window is, as `wanted`; nothing is kept.
        `agreeing`: with whoever has asked for just these windows."""
        with self._store.transaction(tenant, writing=False) as t:
            current, topology = self._portfolios.newest(t, tenant), self._portfolios.ground(t, tenant)[1]
            return foreseeing.preview(t, maintenance, current, topology, self._clock.now(), wanted, agreeing)

    def concerns(self, tenant: str, works: Sequence[Maintenance]) -> list[Preview]:
        """What there is to be warned of in each of these works, without what it would cost."""
        with self._store.transaction(tenant, writing=False) as t:
            return foreseeing.concerns(t, works, *self._portfolios.ground(t, tenant), self._clock.now())

    def other_windows(self, tenant: str, asked: objecting.Asked) -> Sequence[Window]:
        """When else an announced work could be done, by what is known of its agreement and once an answer to that wish
        can be expected; the best first."""
        now, work = self._clock.now(), asked.work
        with self._store.transaction(tenant, writing=False) as t:
            current, topology = self._portfolios.newest(t, tenant), self._portfolios.ground(t, tenant)[1]
            if current is None or asked.agreement is None:
                return ()
            earliest = now + objecting.answer_within(asked.agreement)
            wanted = Wanted(work.end - work.start, earliest, max(work.end, earliest) + objecting.AHEAD)
            return foreseeing.alternatives(t, work, current, topology, now, wanted, asked.agreement.id)

    def asked(self, tenant: str, notice_id: str) -> objecting.Asked | None:
        """What an announcement asks of its contact, and how that stands; None where it is none to a customer."""
        with self._store.transaction(tenant, writing=False) as t:
            return objecting.look(t, notice_id, *self._portfolios.ground(t, tenant), self._clock.now())

    def object_to(self, tenant: str, notice_id: str, wish: Window | None, reason: str) -> Objection:
        """Takes in what the contact of an announcement says against the window. Raises KeyError where it is no
        announcement to a customer, and `objecting.Refused`."""

        def take(t: Transaction) -> Objection:
            now = self._clock.now()
            asked = objecting.look(t, notice_id, *self._portfolios.ground(t, tenant), now, changing=True)
            if asked is None:
                raise KeyError(notice_id)
            return objecting.object_to(t, asked, wish, reason, now)

        return settled(self._store, tenant, take)

    def answer_objection(self, tenant: str, objection_id: str, window: Window | None, words: str, by: str) -> Objection:
        """Agrees to move the work to a window, or declines (None) with words; whoever objected is told. Raises KeyError
        and `objecting.Refused`."""

        def take(t: Transaction) -> Objection:
            objection = t.objection(objection_id, changing=True)
            if objection is None:
                raise KeyError(objection_id)
            if window is None:
                ground, now = self._portfolios.ground(t, tenant), self._clock.now()
                return objecting.decline(t, objection, words, by, *ground, now)
            return objecting.agree(t, objection, window, words, by, *self._announcing(t, tenant))

        return settled(self._store, tenant, take)

    def tell_objections(self, tenant: str, maintenance_id: str) -> None:
        """Tells the provider of what was said against a work and was gathered."""
        with self._store.transaction(tenant) as t:
            objecting.tell(t, maintenance_id, self._portfolios.ground(t, tenant)[0], self._clock.now())

    def cancel(self, tenant: str, maintenance_id: str) -> Sequence[Notice]:
        """Cancels a work: who had been told is told, and what it had excluded counts again. Raises KeyError."""
        with self._store.transaction(tenant) as t:
            return announcing.cancel(t, maintenance_id, self._portfolios.ground(t, tenant)[0], self._clock.now())

    def change(self, tenant: str, wanted: Maintenance) -> Sequence[Notice]:
        """Changes a planned work, and tells whom that concerns; returns the notices. Raises KeyError, and ValueError
        where it was cancelled."""
        with self._store.transaction(tenant) as t:
            return announcing.change(t, wanted, *self._announcing(t, tenant))

    def say(self, tenant: str, maintenance_id: str, turn: work_life.Turn, at: int) -> Sequence[Notice]:
        """Takes in that a work has started, is over, or runs over, since `at`; returns the notices that tell so. Raises
        KeyError, and `work_life.OutOfTurn` where it cannot be."""
        with self._store.transaction(tenant) as t:
            return work_life.say(t, maintenance_id, turn, at, *self._portfolios.ground(t, tenant), self._clock.now())

    def follow(self, tenant: str, maintenance_id: str, turn: work_life.Turn, sequence: int) -> None:
        """Lets a work start, or be over, by the clock, unless somebody has said otherwise."""
        with self._store.transaction(tenant) as t:
            now = self._clock.now()
            work_life.by_the_clock(t, maintenance_id, turn, sequence, *self._portfolios.ground(t, tenant), now)

    def judge(self, tenant: str, maintenance_id: str, agreement: str | None = None) -> None:
        """Decides for each agreement, or for one, what the announcements that were sent have earned."""
        with self._store.transaction(tenant) as t:
            announcing.judge(t, maintenance_id, *self._portfolios.ground(t, tenant), self._clock.now(), agreement)

    def remind(self, tenant: str, maintenance_id: str, agreement: str, sequence: int, start: int) -> None:
        """Reminds those whom an agreement names of a window that is coming, unless the work was changed since that
        sequence."""
        with self._store.transaction(tenant) as t:
            announcing.remind(
                t, maintenance_id, agreement, sequence, start, *self._portfolios.ground(t, tenant), self._clock.now()
            )

    def take_notice(
        self, tenant: str, received: Received, read: Sequence[WorkNotice] | str, approval: intake.Approval
    ) -> Sequence[NoticedWork]:
        """Takes in what was read of a provider's notice of work, or why nothing was. The same again changes nothing."""

        def take(t: Transaction) -> Sequence[NoticedWork]:
            ground = intake.Ground(*self._portfolios.ground(t, tenant), self._work_link(tenant))
            return intake.take(t, received, read, ground, approval, self._clock.now())

        return settled(self._store, tenant, take)

    def answer_notice(
        self, tenant: str, window_id: str, said: intake.Answer, by: str
    ) -> Literal["taken", "too_late", "unknown"]:
        """What a person says of a notice that waits. Raises Unanswerable."""

        def tell(t: Transaction) -> Literal["taken", "too_late", "unknown"]:
            ground = intake.Ground(*self._portfolios.ground(t, tenant), self._work_link(tenant))
            return intake.answer(t, window_id, said, ground, by, self._clock.now())

        return settled(self._store, tenant, tell)

    def _announcing(self, t: Transaction, tenant: str) -> tuple[Portfolio | None, Topology, int, WorkLink]:
        """What a work is announced by, now."""
        return *self._portfolios.ground(t, tenant), self._clock.now(), self._work_link(tenant)
