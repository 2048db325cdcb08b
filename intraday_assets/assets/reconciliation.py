"""Whether the positions of the order management system are the broker's, checked at the end of a run of sessions.

The check halts what drifts, as `intraday positions reconcile` does; a broker that cannot be asked is no agreement.
"""

import logging

import dagster as dg

from intraday_assets.assets import eod_summaries
from intraday_assets.work import Check
from oms.driving import reconciled
from oms.opening import open_service
from resources.database.server import DatabaseServer
from resources.errors import BrokerError
from resources.settings import Settings

RECONCILED = dg.AssetCheckSpec(
    "positions_reconciled",
    asset=eod_summaries.SPEC.key,
    description="Every symbol's quantity by our ledger is the broker's. Asked once a run, at its end, of the account "
    "as it is then.",
)
log = logging.getLogger("intraday.orders")


def reconcile(settings: Settings, server: DatabaseServer) -> Check:
    """Compare the books of the desk's account: a drift is an error, silence of the broker a warning."""
    try:
        compared = reconciled(open_service(settings, server, log.info))
    except BrokerError as error:
        return Check(RECONCILED.name, False, error.sentence(), warning=True)
    drifts = [one for one in compared if one.drift]
    return Check(RECONCILED.name, not drifts, "; ".join(map(str, drifts or compared)))
