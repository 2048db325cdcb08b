"""The life of an order, readable as documentation: what follows what, what is ignored, what is quarantined."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oms.lifecycle import Progress, Step, apply, begin, events_of, replay
from schemas.broker import (
    BrokerNotice,
    CancelRefused,
    Link,
    LinkChanged,
    ModifyRefused,
    OrderReport,
)
from schemas.order_events import EventKind, OrderEvent, Outcome
from schemas.trading import Commission, OrderState, OrderType, Terms
from tests.support import lifecycle_table
from tests.support.trading import OPEN, fill, order

QUICK = settings(max_examples=200, derandomize=True, deadline=None, database=None)
ORDER = order(100)
NAME = ORDER.client_order_id
APPLIED, DUPLICATE, QUARANTINED = Outcome


def event(kind: str, quantity: int = 0, said: str = "", **more) -> OrderEvent:
    return OrderEvent(NAME, EventKind(kind), OPEN, D(quantity), said=said, **more)


def filled(number: int, words: str, revision: int = 1) -> OrderEvent:
    """The fill of that number as the broker tells it."""
    (told,) = events_of(fill(number, words, revision, name=NAME))
    return told


SUBMIT, ACCEPT, ALL_FILLED = event("SUBMIT"), event("ACCEPT"), event("ALL_FILLED")
ASKED, REFUSED, CANCEL = event("CANCEL_REQUEST"), event("CANCEL_REFUSED", said="10148 cannot"), event("CANCEL")
REJECT, EXPIRE, NOTICE = event("REJECT", said="201 margin"), event("EXPIRE"), event("NOTICE", said="399 at the open")
WORKING = (SUBMIT, ACCEPT)


def after(*events: OrderEvent) -> Progress:
    return replay(ORDER, events)


def last(*events: OrderEvent) -> Step:
    """What becomes of the last of the events."""
    return apply(after(*events[:-1]), events[-1])


# The life of an order


def test_creation():
    created = begin(ORDER)
    assert created.state is OrderState.PENDING  # the intent is stored, the broker knows nothing
    assert (created.filled, created.remaining, created.average_price) == (0, 100, None)
    assert after() == created


def test_submit():
    assert after(SUBMIT).state is OrderState.SUBMITTED
    assert after(SUBMIT, ACCEPT).state is OrderState.ACCEPTED
    assert last(SUBMIT, SUBMIT).outcome is DUPLICATE  # who finds this must not send it again


def test_fill():
    done = after(*WORKING, filled(1, "B100@485.25"))
    assert done.state is OrderState.FILLED
    assert (done.filled, done.remaining, done.average_price) == (100, 0, D("485.25"))


def test_partial_fill():
    some = after(*WORKING, filled(1, "B40@485.25"))
    assert some.state is OrderState.PARTIALLY_FILLED
    assert (some.filled, some.remaining) == (40, 60)
    assert apply(some, ACCEPT).outcome is DUPLICATE  # works, partly filled or not: no news
    all_ = apply(some, filled(2, "B60@485.00")).progress
    assert (all_.state, all_.filled, all_.average_price) == (OrderState.FILLED, 100, D("485.10"))


def test_cancel():
    assert after(*WORKING, ASKED).state is OrderState.PENDING_CANCEL
    assert after(*WORKING, ASKED, CANCEL).state is OrderState.CANCELLED
    assert after(ASKED).state is OrderState.CANCELLED  # nobody has to be asked: it was not sent


def test_a_cancel_keeps_the_shares_that_were_filled():
    some = after(*WORKING, filled(1, "B40@485.25"), ASKED, CANCEL)
    assert (some.state, some.filled, some.remaining) == (OrderState.CANCELLED, 40, 0)


def test_a_cancel_that_is_refused_leaves_the_order_as_it_was():
    assert after(*WORKING, ASKED, REFUSED).state is OrderState.ACCEPTED
    assert after(*WORKING, filled(1, "B40@485"), ASKED, REFUSED).state is OrderState.PARTIALLY_FILLED
    assert after(SUBMIT, ASKED, REFUSED).state is OrderState.SUBMITTED  # whether the broker has it is still not known


def test_an_order_that_is_to_be_cancelled_may_be_found_working_or_be_filled():
    assert after(*WORKING, ASKED, ACCEPT).state is OrderState.ACCEPTED
    assert after(*WORKING, ASKED, filled(1, "B40@485")).state is OrderState.PENDING_CANCEL
    assert after(*WORKING, ASKED, filled(1, "B40@485"), ACCEPT).state is OrderState.PARTIALLY_FILLED
    assert after(*WORKING, ASKED, filled(1, "B100@485")).state is OrderState.FILLED
    assert after(*WORKING, ASKED, ACCEPT, ASKED, REFUSED, ASKED).state is OrderState.PENDING_CANCEL


def test_fills_may_come_after_the_cancel():
    cancelled = after(*WORKING, ASKED, event("CANCEL", 40))
    assert cancelled.fills_missing  # the broker counts 40: it has to be asked for them
    some = apply(cancelled, filled(1, "B40@485")).progress
    assert (some.state, some.filled, some.fills_missing) == (OrderState.CANCELLED, 40, False)
    assert apply(some, filled(2, "B60@485")).progress.state is OrderState.FILLED


def test_reject():
    rejected = last(SUBMIT, REJECT)
    assert (rejected.outcome, rejected.progress.state) == (APPLIED, OrderState.REJECTED)
    assert after(REJECT).state is OrderState.REJECTED  # by a limit of ours, before it was sent
    assert after(*WORKING, REJECT).state is OrderState.REJECTED  # IB accepts some orders first


def test_an_order_with_shares_is_not_rejected():
    step = last(*WORKING, filled(1, "B40@485"), ASKED, REJECT)
    assert step.outcome is QUARANTINED
    assert step.reason == "40 shares of it are filled: it cannot be rejected."


def test_expire():
    assert after(*WORKING, EXPIRE).state is OrderState.EXPIRED
    some = after(*WORKING, filled(1, "B40@485"), EXPIRE)
    assert (some.state, some.filled, some.remaining) == (OrderState.EXPIRED, 40, 0)


def test_the_first_word_of_how_it_ended_stands_and_the_next_is_noted_once():
    for first, ended in ((REJECT, OrderState.REJECTED), (EXPIRE, OrderState.EXPIRED)):  # IB calls both cancelled too
        step = last(SUBMIT, first, CANCEL)
        assert (step.outcome, step.progress.state) == (APPLIED, ended)
        assert apply(step.progress, CANCEL).outcome is DUPLICATE


def test_a_rejection_that_follows_another_ending_is_noted_whatever_was_filled():
    step = last(*WORKING, filled(1, "B40@485"), CANCEL, REJECT)
    assert (step.outcome, step.progress.state, step.progress.filled) == (APPLIED, OrderState.CANCELLED, 40)


# Modifications


def modified(kind: str, quantity: int, price: str = "485.50", said: str = "") -> OrderEvent:
    return event(kind, quantity, said, price=D(price))


def test_modify():
    asked = after(*WORKING, filled(1, "B40@485"), modified("MODIFY_REQUEST", 150, "486.00"))
    assert (asked.order, asked.wanted) == (ORDER, Terms(D(150), D("486.00")))  # it stands until the broker has taken it
    terms = modified("MODIFY", 150, "486.00")
    changed = apply(asked, terms).progress
    assert (changed.order.quantity, changed.order.limit_price, changed.remaining) == (150, D("486.00"), 110)
    assert changed.wanted is None
    assert apply(changed, terms).outcome is DUPLICATE
    assert apply(changed, modified("MODIFY", 100)).progress.order == ORDER  # and back


def test_an_order_that_was_not_sent_has_its_new_terms_at_once():
    changed = after(modified("MODIFY", 150))
    assert (changed.state, changed.order.quantity, changed.most) == (OrderState.PENDING, 150, 150)
    assert last(modified("MODIFY_REQUEST", 150)).outcome is QUARANTINED


def test_a_modification_that_is_refused_leaves_the_order_as_it_was():
    asked = (*WORKING, modified("MODIFY_REQUEST", 150))
    refused = after(*asked, modified("MODIFY_REFUSED", 150, said="201 margin"))
    assert (refused.state, refused.order, refused.wanted) == (OrderState.ACCEPTED, ORDER, None)
    again = apply(refused, modified("MODIFY_REQUEST", 150)).progress
    assert again.wanted == Terms(D(150), D("485.50"))
    assert apply(again, modified("MODIFY_REFUSED", 150, said="201 margin")).progress.wanted is None


def test_only_the_answer_to_the_last_modification_ends_it():
    asked = after(*WORKING, modified("MODIFY_REQUEST", 150), modified("MODIFY_REQUEST", 200))
    for answer in ("MODIFY", "MODIFY_REFUSED"):
        assert apply(asked, modified(answer, 150, said="the first")).progress.wanted == Terms(D(200), D("485.50"))


def test_an_answer_to_a_modification_is_one_to_those_before_it_as_well():
    asks = [modified("MODIFY_REQUEST", quantity) for quantity in (150, 200, 150, 170)]
    asked = after(*WORKING, *asks)
    assert [terms.quantity for terms in asked.asked] == [150, 200, 150, 170]
    for answer in ("MODIFY", "MODIFY_REFUSED"):
        for quantity, left in ((200, [150, 170]), (150, [170]), (170, []), (160, [150, 200, 150, 170])):
            told = apply(asked, modified(answer, quantity, said="of the four")).progress
            assert [terms.quantity for terms in told.asked] == left
    assert apply(asked, modified("MODIFY_REQUEST", 170)).outcome is DUPLICATE


def test_fills_of_a_modification_may_come_before_the_word_that_it_was_taken():
    """As in a book that is asked for after a restart: fills come first."""
    filled_more = after(*WORKING, modified("MODIFY_REQUEST", 150), filled(1, "B120@485"))
    assert (filled_more.state, filled_more.filled) == (OrderState.FILLED, 120)  # of the 100 that are known
    told = apply(filled_more, modified("MODIFY", 150)).progress
    assert (told.state, told.remaining) == (OrderState.PARTIALLY_FILLED, 30)
    assert apply(told, filled(2, "B31@485")).outcome is QUARANTINED


def test_an_order_that_was_made_as_small_as_it_is_filled_is_filled():
    small = after(*WORKING, modified("MODIFY_REQUEST", 60), filled(1, "B60@485"), ALL_FILLED, modified("MODIFY", 60))
    assert (small.state, small.filled, small.fills_missing) == (OrderState.FILLED, 60, False)
    cancelling = after(*WORKING, filled(1, "B60@485"), ASKED, modified("MODIFY", 60))
    assert cancelling.state is OrderState.FILLED


def test_a_modification_gives_all_the_terms():
    stop = replace(ORDER, order_type=OrderType.STOP_LIMIT, stop_price=D("486.00"))
    changed = replay(stop, [*WORKING, event("MODIFY", 100, price=D("487.50"), stop_price=D("487.00"))]).order
    assert (changed.limit_price, changed.stop_price) == (D("487.50"), D("487.00"))


@pytest.mark.parametrize(
    ("quantity", "price", "reason"),
    [
        (40, "486.00", "40 shares are filled, so 40 cannot be ordered; cancel the rest."),
        (150, "486.001", "The limit price 486.001 is not allowed; give a multiple of 0.01 above 0, below 10,000,000."),
    ],
)
def test_a_modification_that_cannot_be_is_quarantined(quantity, price, reason):
    step = last(*WORKING, filled(1, "B40@485"), modified("MODIFY_REQUEST", quantity, price))
    assert (step.outcome, step.reason, step.progress.wanted) == (QUARANTINED, reason, None)


def test_a_modification_that_came_too_late_for_the_fills_is_no_overfill():
    late = after(*WORKING, event("MODIFY", 50, price=D("485.50")), filled(1, "B80@485"))
    assert (late.state, late.filled) == (OrderState.FILLED, 80)
    assert apply(late, filled(2, "B21@485")).outcome is QUARANTINED


# Fills: identity and corrections


@pytest.mark.parametrize("kind", ["FILL", "CANCEL", "REJECT", "ALL_FILLED"])
def test_what_befalls_another_order_of_the_same_reference_is_quarantined(kind):
    ours = event("ACCEPT", perm_id=7)
    fill_of_theirs = {"execution": "theirs.01", "price": D("485")} if kind == "FILL" else {}
    step = last(event("SUBMIT"), ours, event(kind, 100, perm_id=8, **fill_of_theirs))
    assert (step.outcome, step.progress.state, step.progress.filled) == (QUARANTINED, OrderState.ACCEPTED, 0)
    assert step.reason == "It is about the broker's order 8 of the same reference; this is 7."


def test_a_fill_that_is_told_again_is_a_duplicate():
    once = after(*WORKING, filled(1, "B40@485"))
    assert apply(once, filled(1, "B40@485")).outcome is DUPLICATE


def test_a_correction_changes_the_shares():
    corrected = after(*WORKING, filled(1, "B40@485"), filled(1, "B30@484", revision=2))
    assert (corrected.state, corrected.filled, corrected.average_price) == (OrderState.PARTIALLY_FILLED, 30, 484)
    assert apply(corrected, filled(1, "B40@485")).outcome is DUPLICATE  # an older word
    undone = apply(corrected, filled(1, "B0@0", revision=3)).progress
    assert (undone.state, undone.filled) == (OrderState.ACCEPTED, 0)


def test_a_correction_may_come_before_what_it_corrects():
    corrected = after(*WORKING, filled(1, "B30@484", revision=2), filled(1, "B40@485"))
    assert corrected.filled == 30


THIRTY = filled(1, "B30@485")


@pytest.mark.parametrize(
    ("scene", "state", "by_20", "by_100"),
    [
        ((*WORKING, THIRTY, filled(1, "B0@0", 2)), "ACCEPTED", "PARTIALLY_FILLED", "FILLED"),
        ((*WORKING, THIRTY), "PARTIALLY_FILLED", "PARTIALLY_FILLED", "FILLED"),
        ((*WORKING, THIRTY, ASKED), "PENDING_CANCEL", "PENDING_CANCEL", "FILLED"),
        ((*WORKING, THIRTY, CANCEL), "CANCELLED", "CANCELLED", "FILLED"),
        ((*WORKING, filled(1, "B100@485")), "FILLED", "FILLED", "FILLED"),
        ((*WORKING, THIRTY, EXPIRE), "EXPIRED", "EXPIRED", "EXPIRED"),
    ],
)
def test_a_correction_changes_the_shares_and_revives_no_order(scene, state, by_20, by_100):
    before = after(*scene)
    assert before.state == state
    for quantity, expected in ((20, by_20), (100, by_100)):
        step = apply(before, filled(1, f"B{quantity}@484", revision=3))
        assert (step.outcome, step.progress.filled, step.progress.state) == (APPLIED, quantity, expected)


def test_shares_that_were_corrected_away_may_be_filled_anew():
    fewer = after(*WORKING, filled(1, "B100@485"), filled(1, "B60@485", revision=2))
    step = apply(fewer, filled(2, "B40@485"))
    assert (step.outcome, step.progress.state, step.progress.filled) == (APPLIED, OrderState.FILLED, 100)


def test_a_rejected_order_gets_no_shares_back():
    undone = (*WORKING, THIRTY, filled(1, "B0@0", revision=2), REJECT)
    assert after(*undone).state is OrderState.REJECTED
    assert last(*undone, filled(1, "B30@485", revision=3)).outcome is QUARANTINED


def test_a_correction_is_no_overfill():  # a library's own count says 140 here
    corrected = after(*WORKING, filled(1, "B60@485"), filled(2, "B40@485"), filled(2, "B40@484", revision=2))
    assert (corrected.state, corrected.filled) == (OrderState.FILLED, 100)


def test_an_overfill_is_quarantined():
    step = last(*WORKING, filled(1, "B60@485"), filled(2, "B41@485"))
    assert (step.outcome, step.progress.filled) == (QUARANTINED, 60)
    assert step.reason == "Overfill: 101 shares would be filled, 100 were ordered."
    assert apply(step.progress, filled(2, "B41@485")).outcome is DUPLICATE  # kept once
    fits = apply(step.progress, filled(1, "B59@485", revision=2)).progress
    again = apply(fits, filled(2, "B41@485"))  # the broker is asked again after the correction
    assert (again.outcome, again.progress.state) == (APPLIED, OrderState.FILLED)


@pytest.mark.parametrize("ending", [REJECT, EXPIRE])
def test_a_fill_after_the_end_is_quarantined(ending):
    step = last(SUBMIT, ending, filled(1, "B40@485"))
    assert (step.outcome, step.progress.filled) == (QUARANTINED, 0)
    assert step.reason.startswith(f"{step.progress.state} allows no FILL; allowed: ")


# Out of order


def test_a_fill_before_the_order_was_accepted():
    early = after(SUBMIT, filled(1, "B40@485"))
    assert early.state is OrderState.PARTIALLY_FILLED
    assert apply(early, ACCEPT).outcome is DUPLICATE


def test_a_report_of_all_filled_leaves_the_order_open_until_the_fills_come():
    told = after(SUBMIT, event("ALL_FILLED", 100))
    assert (told.state, told.filled, told.fills_missing) == (OrderState.ACCEPTED, 0, True)
    assert after(SUBMIT, ASKED, ALL_FILLED, REFUSED).state is OrderState.ACCEPTED  # the broker had it all the while
    some = apply(told, filled(1, "B40@485")).progress
    assert (some.state, some.fills_missing) == (OrderState.PARTIALLY_FILLED, True)
    done = apply(some, filled(2, "B60@485")).progress
    assert (done.state, done.fills_missing) == (OrderState.FILLED, False)
    assert apply(done, ALL_FILLED).outcome is DUPLICATE


def test_a_report_that_counts_more_shares_than_came_is_news():
    step = last(*WORKING, event("ACCEPT", 40))
    assert (step.outcome, step.progress.fills_missing) == (APPLIED, True)
    assert apply(step.progress, event("ACCEPT", 40)).outcome is DUPLICATE
    assert apply(step.progress, event("ACCEPT", 20)).outcome is DUPLICATE  # an older report that comes late


def test_late_words_about_a_filled_order_are_no_news():
    done = after(*WORKING, filled(1, "B100@485"))
    assert {apply(done, late).outcome for late in (SUBMIT, ACCEPT, ASKED, ALL_FILLED)} == {DUPLICATE}


def test_the_permanent_number_is_learnt_from_whoever_tells_it_first():
    assert after(SUBMIT, replace(SUBMIT, perm_id=7), replace(ACCEPT, perm_id=8)).perm_id == 7


def test_an_event_of_another_order_is_quarantined():
    assert last(replace(ACCEPT, client_order_id="msft-1")).reason == "It is about msft-1, not nvda-1."


# The whole table: a state's name is where it leads to, = a duplicate, x the quarantine, n kept without effect.

SCENES = {
    OrderState.PENDING: (),
    OrderState.SUBMITTED: (SUBMIT,),
    OrderState.ACCEPTED: WORKING,
    OrderState.PARTIALLY_FILLED: (*WORKING, filled(1, "B30@485")),
    OrderState.PENDING_CANCEL: (*WORKING, ASKED),
    OrderState.FILLED: (*WORKING, filled(1, "B30@485"), filled(2, "B70@485")),
    OrderState.CANCELLED: (*WORKING, CANCEL),
    OrderState.REJECTED: (SUBMIT, REJECT),
    OrderState.EXPIRED: (*WORKING, EXPIRE),
}
HAPPENINGS = {
    "submit": SUBMIT,
    "accept": ACCEPT,
    "fill 40": filled(3, "B40@485"),
    "fill 70": filled(3, "B70@485"),
    "fill 100": filled(3, "B100@485"),
    "all filled": replace(ALL_FILLED, quantity=D(100)),
    "ask to modify": modified("MODIFY_REQUEST", 120),
    "modify": modified("MODIFY", 120),
    "refuse terms": modified("MODIFY_REFUSED", 120, said="201 margin"),
    "ask to cancel": ASKED,
    "refuse it": REFUSED,
    "cancel": CANCEL,
    "reject": REJECT,
    "expire": EXPIRE,
    "notice": NOTICE,
}
EXPECTED = """
              | PENDING SUBMITTED ACCEPTED PARTIALLY PENDING_C FILLED CANCELLED REJECTED EXPIRED
submit        | SUBMIT  =         =        =         =         =      x         x        x
accept        | ACCEPT  ACCEPT    =        =         ACCEPT    =      x         x        x
fill 40       | PARTIAL PARTIAL   PARTIAL  PARTIAL   PENDING_C x      CANCEL    x        x
fill 70       | PARTIAL PARTIAL   PARTIAL  FILLED    PENDING_C x      CANCEL    x        x
fill 100      | FILLED  FILLED    FILLED   x         FILLED    x      FILLED    x        x
all filled    | ACCEPT  ACCEPT    ACCEPT   PARTIAL   PENDING_C =      CANCEL    x        x
ask to modify | x       SUBMIT    ACCEPT   PARTIAL   x         x      x         x        x
modify        | PENDING SUBMIT    ACCEPT   PARTIAL   PENDING_C PARTIAL CANCEL   REJECT   EXPIRE
refuse terms  | x       n         n        n         n         n      n         n        n
ask to cancel | CANCEL  PENDING_C PENDING_C PENDING_C =        =      x         x        x
refuse it     | x       n         n        n         ACCEPT    n      n         n        n
cancel        | CANCEL  CANCEL    CANCEL   CANCEL    CANCEL    x      =         n        n
reject        | REJECT  REJECT    REJECT   x         REJECT    x      n         =        n
expire        | EXPIRE  EXPIRE    EXPIRE   EXPIRE    EXPIRE    x      n         n        =
notice        | n       n         n        n         n         n      n         n        n
"""


@pytest.mark.parametrize("line", EXPECTED.strip().splitlines()[1:], ids=lambda line: line.partition("|")[0].strip())
def test_the_whole_table(line):
    what, _, cells = line.partition("|")
    for (state, scene), expected in zip(SCENES.items(), cells.split(), strict=True):
        before = after(*scene)
        assert before.state is state
        step = apply(before, HAPPENINGS[what.strip()])
        if expected in ("=", "x", "n"):
            outcome = {"=": DUPLICATE, "x": QUARANTINED, "n": APPLIED}[expected]
            assert (step.outcome, replace(step.progress, kept=before.kept)) == (outcome, before), state
        else:
            assert step.outcome is APPLIED, state
            assert step.progress.state.startswith(expected), state


def test_the_table_in_words():
    """What the document shows is complete, and its empty cells are what is quarantined."""
    head, _, *rows = [line for line in lifecycle_table.table().splitlines() if line.startswith("|")]
    assert head.count("|") == 11
    assert len(rows) == len(EventKind)
    empty = [row.split("|")[1].strip(" *") for row in rows for cell in row.split("|")[2:-1] if not cell.strip()]
    assert (empty.count("MODIFY_REQUEST"), empty.count("SUBMIT"), empty.count("NOTICE")) == (6, 3, 0)


# What a broker tells


def test_what_a_broker_tells_becomes_an_event_of_the_order():
    report = OrderReport(NAME, OrderState.ACCEPTED, OPEN, D(40), 7, "Submitted")
    accepted = event("ACCEPT", 40, "Submitted", perm_id=7)
    assert list(events_of(report)) == [accepted]
    terms = Terms(D(150), D("486.00"))
    modified = event("MODIFY", 150, price=D("486.00"), perm_id=7)
    assert list(events_of(replace(report, terms=terms))) == [accepted, modified]
    same = OrderEvent.of_terms(NAME, EventKind.MODIFY, OPEN, ORDER.terms, perm_id=7)
    assert apply(after(SUBMIT, accepted), same).outcome is DUPLICATE  # terms that are known are no news
    assert [one.kind for one in events_of(replace(report, state=OrderState.FILLED))] == [EventKind.ALL_FILLED]
    asked = events_of(replace(report, state=OrderState.PENDING_CANCEL))
    assert [one.kind for one in asked] == [EventKind.CANCEL_REQUEST]
    assert list(events_of(CancelRefused(NAME, OPEN, "10148 cannot"))) == [REFUSED]
    refused = event("MODIFY_REFUSED", 150, "201 margin", price=D("486.00"))
    assert list(events_of(ModifyRefused(NAME, OPEN, "201 margin", terms))) == [refused]
    assert list(events_of(BrokerNotice(OPEN, 399, "at the open", NAME))) == [NOTICE]
    (told,) = events_of(fill(3, "B40@485", revision=2, name=NAME))
    assert (told.kind, told.execution, told.revision) == (EventKind.CORRECTION, "0000e0d5.00000003.01", 2)
    assert (told.quantity, told.price, told.at) == (40, 485, OPEN + timedelta(minutes=3))


def test_what_is_about_no_order_of_ours_is_no_event():
    strange = OrderReport(None, OrderState.ACCEPTED, OPEN)
    lost = LinkChanged(Link.LOST, OPEN)
    others = (strange, fill(1, "B40@485"), Commission("0000e0d5.1.01.01", D(1)), BrokerNotice(OPEN, 2104, "OK"), lost)
    assert [event for told in others for event in events_of(told)] == []


# What holds of any history

whole_fills = st.builds(
    lambda number, revision, quantity: filled(number, f"B{quantity}@485", revision),
    st.integers(1, 4),
    st.integers(1, 3),
    st.sampled_from([0, 20, 30, 50, 100]),
)
claims = st.builds(
    event,
    st.sampled_from(["SUBMIT", "ACCEPT", "ALL_FILLED", "CANCEL_REQUEST", "CANCEL", "REJECT", "EXPIRE"]),
    st.sampled_from([0, 20, 50, 100]),
    st.sampled_from(["", "said"]),
)
modifications = st.builds(
    modified,
    st.sampled_from(["MODIFY_REQUEST", "MODIFY", "MODIFY_REFUSED"]),
    st.sampled_from([50, 100, 120]),
    st.sampled_from(["485.50", "486.00"]),
)
histories = st.lists(st.one_of(whole_fills, claims, modifications, st.sampled_from([REFUSED, NOTICE])), max_size=14)


def steps(events: list[OrderEvent], start: Progress | None = None) -> list[Step]:
    found: list[Step] = []
    for one in events:
        found.append(apply(found[-1].progress if found else start or begin(ORDER), one))
    return found


@QUICK
@given(histories)
def test_the_progress_is_rebuilt_from_the_events_that_were_kept(events):
    taken = steps(events)
    kept = [one for one, step in zip(events, taken, strict=True) if step.outcome is not DUPLICATE]
    assert replay(ORDER, kept) == replay(ORDER, events)


@QUICK
@given(histories)
def test_what_ended_for_good_stays_so_and_nothing_is_overfilled(events):
    before = begin(ORDER)
    for one, step in zip(events, steps(events), strict=True):
        revives = one.kind is EventKind.MODIFY and before.state is OrderState.FILLED  # more was ordered than was known
        if before.state in (OrderState.FILLED, OrderState.REJECTED, OrderState.EXPIRED) and not revives:
            assert step.progress.state is before.state
        if before.state is OrderState.CANCELLED:
            assert step.progress.state in (OrderState.CANCELLED, OrderState.FILLED)
        if step.outcome is QUARANTINED:
            assert step.reason
            assert replace(step.progress, kept=before.kept) == before
        if step.outcome is DUPLICATE:
            assert step.progress is before
        assert step.progress.filled <= step.progress.most
        before = step.progress


@QUICK
@given(histories)
def test_the_shares_filled_are_those_of_the_newest_words_that_were_applied(events):
    newest: dict[str, tuple[int, D]] = {}
    for one, step in zip(events, steps(events), strict=True):
        if one.execution and step.outcome is APPLIED:
            newest[one.execution] = max(newest.get(one.execution, (0, D(0))), (one.revision, one.quantity))
        assert step.progress.filled == sum(quantity for _, quantity in newest.values())


@QUICK
@given(histories, claims, st.lists(whole_fills, max_size=4))
def test_a_book_that_is_asked_for_again_gives_duplicates_and_nothing_else(events, report, fills):
    later = replace(report, at=OPEN + timedelta(hours=1))
    met = steps([report, *fills], after(*events))[-1].progress
    settled = steps([later, *fills], met)[-1].progress  # a fill may fit now that a correction came
    again = replace(report, at=OPEN + timedelta(hours=2))
    assert {step.outcome for step in steps([again, *fills], settled)} == {DUPLICATE}


@QUICK
@given(st.permutations([filled(1, "B60@485"), filled(1, "B50@484", 2), filled(2, "B20@485"), filled(3, "B15@486")]))
def test_the_order_in_which_fills_come_does_not_matter(fills):
    met = after(*WORKING, *fills)
    assert (met.state, met.filled, met.average_price) == (OrderState.PARTIALLY_FILLED, 85, D(41190) / 85)


def test_the_document_has_the_table():
    assert lifecycle_table.document_with_table() == lifecycle_table.DOCUMENT.read_text(), (
        "write it with python -m tests.support.lifecycle_table"
    )
