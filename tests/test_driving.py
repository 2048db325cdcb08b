"""The process that drives an account: turn after turn, through connections that break. Its broker and its clock are a
test's; nothing here waits."""

from dataclasses import dataclass, field

import pytest

from oms.driving import Driver
from resources.errors import BrokerRefused, BrokerUnreachable, DatabaseUnreachable, NotPaper
from schemas.broker import Link


@dataclass
class Service:
    """What the driver asks of the order service, each in turn answered or failed as a test says."""

    fails: dict[str, list[Exception | None]] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)
    link: Link = Link.RESTORED

    def _do(self, what: str) -> None:
        self.did.append(what)
        failure = self.fails[what].pop(0) if self.fails.get(what) else None
        if failure is not None:
            raise failure

    def connect(self) -> None:
        self._do("connect")

    def turn(self, timeout: float) -> None:
        self._do("turn")

    def reconcile(self) -> None:
        self._do("reconcile")

    def close(self) -> None:
        self._do("close")

    @property
    def broker(self) -> "Service":
        return self

    def say(self, line: str) -> None:
        self.did.append(line)


GONE = BrokerUnreachable("Nobody answers at 127.0.0.1:7497.")


def driver(service: Service, waited: list[float], connected: bool = True, mine: bool = True) -> Driver:
    return Driver(service, lambda: mine, waited.append, connected)  # type: ignore[arg-type]


def after(turns: int, service: Service):
    return lambda: service.did.count("turn") >= turns


def test_it_turns_until_it_is_done_and_at_least_once():
    service = Service()
    driver(service, []).until(after(3, service))
    assert service.did == ["turn"] * 3
    driver(service, []).until(lambda: True)
    assert service.did == ["turn"] * 4


def test_it_connects_first_where_it_is_not_connected():
    service = Service()
    driver(service, [], connected=False).until(after(2, service))
    assert service.did == ["connect", "turn", "turn"]


def test_a_broken_connection_is_made_anew_after_ever_longer_waits():
    service, waited = Service({"turn": [GONE], "connect": [GONE] * 7}), []
    driver(service, waited).until(after(2, service))
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60]
    assert service.did[:3] == ["turn", "close", "Nobody answers at 127.0.0.1:7497. It is tried again in 1 s."]
    assert service.did[-2:] == ["connect", "turn"]


def test_after_a_connection_the_waits_are_short_again():
    service, waited = Service({"turn": [GONE, None, GONE]}), []
    driver(service, waited).until(after(4, service))
    assert waited == [1, 1]


def test_a_connection_that_breaks_while_the_books_are_compared_is_made_anew_too():
    service, waited = Service({"reconcile": [GONE]}), []
    one = driver(service, waited)
    one.reconcile()
    assert (one.connected, waited) == (False, [1])
    one.reconcile()  # nobody to ask: to connect compares
    assert service.did.count("reconcile") == 1
    one.until(after(1, service))
    one.reconcile()
    assert service.did[-3:] == ["connect", "turn", "reconcile"]


def test_a_connection_is_kept_while_the_brokers_own_link_is_lost():
    """To make it anew would not mend the link, and would make it look as if it were."""
    service = Service(link=Link.LOST)
    one = driver(service, [])
    one.reconcile()
    assert (one.connected, service.did) == (True, [])


def test_what_a_person_has_to_mend_ends_it():
    service = Service({"connect": [BrokerRefused("The client id is in use.")]})
    with pytest.raises(BrokerRefused, match="client id"):
        driver(service, [], connected=False).until(lambda: False)


def test_what_is_refused_after_a_connection_broke_is_tried_again():
    """TWS may not have seen it end yet, and say that the client id is in use."""
    service, waited = Service({"turn": [GONE], "connect": [BrokerRefused("The client id is in use.")] * 2}), []
    driver(service, waited).until(after(2, service))
    assert waited == [1, 2, 4]
    assert "The client id is in use. It is tried again in 2 s." in service.did


def test_real_money_is_not_tried_again():
    service = Service({"turn": [GONE], "connect": [NotPaper("U1***67 is no paper account.")]})
    with pytest.raises(NotPaper):
        driver(service, []).until(lambda: False)


def test_it_stops_once_the_claim_to_the_account_is_gone():
    service = Service()
    with pytest.raises(DatabaseUnreachable, match="claim"):
        driver(service, [], mine=False).until(lambda: False)
    assert service.did == []
