"""TWS or IB Gateway: socket, handshake, round trip, account; and its clock. Nothing is subscribed or sent."""

from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version
from typing import Final

from resources.doctor.clock import compared
from resources.doctor.findings import Finding, Outcome, Surroundings
from resources.errors import BrokerError, BrokerRefused
from resources.ib import library
from resources.ib.gateway import Gateway, Role
from resources.ib.paper import live_allowed
from resources.ib.values import masked

ADVICE: Final = (
    "start IB Gateway or TWS (deploy/ib-gateway/compose.yaml), let it log in, enable its API (Configuration, API, "
    "Settings) and let it accept this machine; then `intraday doctor ib`"
)


def interactive_brokers(around: Surroundings) -> Iterator[Finding]:
    """Whether it answers, on which account, and with which parameters it was asked."""
    settings = around.settings.ib
    if settings.host is None:
        used = "interactive_brokers" in around.feeds or around.settings.oms.broker == "ib"
        said, advice = "not used: ib.host is not set", "set INTRADAY_IB__HOST to use it"
        yield Finding("ib", Outcome.FAIL if used else Outcome.OK, said, advice if used else "")
        return
    gateway = Gateway(settings, Role.DOCTOR, environment=around.environment)
    details = _parameters(around, gateway)
    try:
        gateway.open()
        before = around.now()
        time = gateway.time()
        passed = around.now() - before
        details |= {
            "server version": str(gateway.run(lambda client: client.serverVersion())),
            "account": masked(gateway.account),
            "round trip": f"{passed.total_seconds() * 1000:.1f} ms",
        }
    except BrokerError as error:
        advice = "" if isinstance(error, BrokerRefused) else ADVICE  # a refusal says itself what to mend
        yield Finding("ib", Outcome.FAIL, str(error), advice, details)
        return
    finally:
        gateway.close()
    said = f"{gateway.address} answers as client {gateway.address.client_id}, account {masked(gateway.account)}"
    yield Finding("ib", Outcome.OK, said, details=details)
    # It says whole seconds, so that half a second is missing on average.
    yield compared("ib clock", "Interactive Brokers", time + timedelta(seconds=0.5), before + passed / 2)


def _parameters(around: Surroundings, gateway: Gateway) -> dict[str, str]:
    settings, address = around.settings.ib, gateway.address
    return {
        "host": address.host,
        "port": str(address.port),
        "client id": f"{address.client_id} (ib.client_id {settings.client_id} and {Role.DOCTOR.value} for the doctor)",
        "client ids in use": ", ".join(f"{role.name.lower()} {settings.client_id + role}" for role in Role),
        "account wanted": masked(settings.account) if settings.account else "the login's only one",
        "real money": "allowed" if live_allowed(settings.allow_live, around.environment) else "refused",
        "time limit": f"{address.timeout:g} s",
        "library": f"{library.NAME} {version(library.NAME)}",
    }
