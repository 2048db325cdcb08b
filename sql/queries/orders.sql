-- Orders of an account with what became of them, the oldest first: those named, those that are open, or the newest.
SELECT orders.client_order_id, account, symbol, side, order_type, time_in_force, state, filled, created_at,
       orders.quantity AS first_quantity, orders.limit_price AS first_limit_price, orders.stop_price AS first_stop_price,
       coalesce(modified.quantity, orders.quantity) AS quantity,
       CASE WHEN modified.id IS NULL THEN orders.limit_price ELSE modified.price END AS limit_price,
       CASE WHEN modified.id IS NULL THEN orders.stop_price ELSE modified.stop_price END AS stop_price,
       EXISTS (SELECT FROM order_events asked
               WHERE asked.order_id = orders.id AND asked.kind = 'CANCEL_REQUEST' AND asked.outcome = 'APPLIED'
                 AND asked.perm_id IS NULL  -- ours, and none that a broker told of
                 AND NOT EXISTS (SELECT FROM order_events refused
                                 WHERE refused.order_id = orders.id AND refused.kind = 'CANCEL_REFUSED'
                                   AND refused.id > asked.id)) AS to_cancel,
       asked.id AS asked_number, asked.at AS asked_at, asked.quantity AS asked_quantity,
       asked.price AS asked_limit_price, asked.stop_price AS asked_stop_price
FROM (SELECT * FROM orders
      WHERE account = %(account)s
        AND (%(ids)s::text[] IS NULL OR client_order_id = ANY(%(ids)s::text[]))
        AND (NOT %(open)s OR state NOT IN ('FILLED', 'CANCELLED', 'REJECTED', 'EXPIRED'))
      ORDER BY created_at DESC, id DESC LIMIT %(limit)s) AS orders
LEFT JOIN LATERAL (SELECT id, quantity, price, stop_price FROM order_events
                   WHERE order_id = orders.id AND kind = 'MODIFY' AND outcome = 'APPLIED'
                   ORDER BY id DESC LIMIT 1) AS modified ON true
LEFT JOIN LATERAL (SELECT id, at, quantity, price, stop_price FROM order_events
                   WHERE order_id = orders.id AND kind = 'MODIFY_REQUEST' AND outcome = 'APPLIED'
                   ORDER BY id DESC LIMIT 1) AS asked
    ON NOT EXISTS (SELECT FROM order_events answer
                   WHERE answer.order_id = orders.id AND answer.id > asked.id AND answer.outcome = 'APPLIED'
                     AND answer.kind IN ('MODIFY', 'MODIFY_REFUSED')
                     AND (answer.quantity, answer.price, answer.stop_price)
                         IS NOT DISTINCT FROM (asked.quantity, asked.price, asked.stop_price))
ORDER BY created_at, orders.id
