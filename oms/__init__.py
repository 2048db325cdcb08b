"""The order management system: what is wanted, what was done, what is held, on paper money.

What belongs here: the order's life, FIFO lots over an append-only ledger, limits, the service that talks to a broker,
reconciliation. What does not: SQL (`resources.database`), a vendor's protocol (`resources.ib`), Dagster.
"""
