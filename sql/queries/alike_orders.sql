-- An order that asks for the same and was made just before.
SELECT client_order_id FROM orders
WHERE account = %(account)s AND created_at > %(after)s AND created_at <= %(now)s AND symbol = %(symbol)s AND side = %(side)s
  AND order_type = %(order_type)s AND quantity = %(quantity)s AND limit_price IS NOT DISTINCT FROM %(limit_price)s
  AND stop_price IS NOT DISTINCT FROM %(stop_price)s AND state <> 'REJECTED'
ORDER BY created_at DESC LIMIT 1
