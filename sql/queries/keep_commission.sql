-- The last amount counts. No row comes back where it says nothing new; else the symbol, where the fill is known.
INSERT INTO fill_commissions AS kept (account, exec_id, amount, currency)
VALUES (%(account)s, %(exec_id)s, %(amount)s, %(currency)s)
ON CONFLICT (account, exec_id) DO UPDATE
    SET amount = excluded.amount, currency = excluded.currency, recorded_at = clock_timestamp()
    WHERE (kept.amount, kept.currency) IS DISTINCT FROM (excluded.amount, excluded.currency)
RETURNING (SELECT symbol FROM fills WHERE fills.account = %(account)s AND fills.exec_id = %(exec_id)s)
