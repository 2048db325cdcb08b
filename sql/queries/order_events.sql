-- All that happened to one order, in the order in which it became known.
SELECT client_order_id, event.kind, event.at, event.recorded_at, event.outcome, event.reason, event.state, event.quantity,
       event.price, event.stop_price, event.execution, event.revision, event.perm_id, event.said
FROM order_events event JOIN orders ON orders.id = order_id
WHERE client_order_id = %(client_order_id)s AND account = %(account)s
ORDER BY event.id
