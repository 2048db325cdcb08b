-- The simulated broker's orders: those that may still be filled, and those placed since a moment; or the one that is named.
SELECT client_order_id, account, symbol, side, order_type, quantity, limit_price, stop_price, time_in_force, placed_at, reached,
       triggered, state, filled, said
FROM simulated_orders
WHERE account = %(account)s
  AND CASE WHEN %(id)s::text IS NOT NULL THEN client_order_id = %(id)s
           ELSE placed_at >= %(since)s OR state NOT IN ('FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED') END
ORDER BY placed_at, client_order_id
