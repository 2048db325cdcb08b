"""The assets, a module each in the order in which a session passes them:

bars → frames → quality_reports → market_data, dual_ticker_bars → eod_summaries

A module says what its asset is (`SPEC`) and how one session of it is made. Nothing here loops over sessions.
"""

OWNERS = ["team:market-data"]
