-- What went wrong in a range: feeds that were given up, what was heard of orders and cannot be, bars that live kept back.
SELECT at, 'down' AS kind, feed AS of FROM feed_events WHERE event = 'down' AND at >= %(first)s AND at < %(last)s
UNION ALL
SELECT event.recorded_at, 'quarantined', client_order_id
FROM order_events event JOIN orders ON orders.id = order_id
WHERE outcome = 'QUARANTINED' AND event.recorded_at >= %(first)s AND event.recorded_at < %(last)s
UNION ALL
SELECT "timestamp", 'withheld', '' FROM live_bars
WHERE event = 'withheld' AND "timestamp" >= %(first)s AND "timestamp" < %(last)s
ORDER BY at, kind, of
