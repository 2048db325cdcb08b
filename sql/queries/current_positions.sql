-- What is held, valued by the last bar stored by a moment (null: by now), not by that of the last fill.
SELECT account, symbol, qty AS quantity, avg_price AS average_price, cost_basis, realized_pnl, commissions,
       bar.close AS last_price, bar."timestamp" AS priced_at
FROM current_positions
LEFT JOIN LATERAL (SELECT close, "timestamp" FROM market_data
                   WHERE market_data.symbol = current_positions.symbol
                     AND "timestamp" < coalesce(%(before)s::timestamptz, 'infinity')
                   ORDER BY "timestamp" DESC LIMIT 1) AS bar ON true
WHERE account = %(account)s
ORDER BY current_positions.id
