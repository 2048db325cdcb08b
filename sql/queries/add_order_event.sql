-- Append an event, and leave the order as it is after it.
WITH changed AS (
    UPDATE orders SET state = %(state)s, filled = %(filled)s
    WHERE client_order_id = %(client_order_id)s AND account = %(account)s
    RETURNING id)
INSERT INTO order_events (order_id, kind, at, outcome, reason, state, quantity, price, stop_price, execution, revision, perm_id,
                          said)
SELECT id, %(kind)s, %(at)s, %(outcome)s, %(reason)s, %(state)s, %(quantity)s, %(price)s, %(stop_price)s, %(execution)s,
       %(revision)s, %(perm_id)s, %(said)s
FROM changed
