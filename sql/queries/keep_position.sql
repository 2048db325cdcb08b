INSERT INTO current_positions (account, symbol, qty, avg_price, cost_basis, realized_pnl, commissions, market_value,
                               unrealized_pnl, last_price, priced_at)
VALUES (%(account)s, %(symbol)s, %(quantity)s, %(average_price)s, %(cost_basis)s, %(realized_pnl)s, %(commissions)s,
        %(market_value)s, %(unrealized_pnl)s, %(last_price)s, %(priced_at)s)
ON CONFLICT (account, symbol) DO UPDATE
    SET qty = excluded.qty, avg_price = excluded.avg_price, cost_basis = excluded.cost_basis,
        realized_pnl = excluded.realized_pnl, commissions = excluded.commissions, market_value = excluded.market_value,
        unrealized_pnl = excluded.unrealized_pnl, last_price = excluded.last_price, priced_at = excluded.priced_at,
        updated_at = clock_timestamp()
