INSERT INTO simulated_orders (account, client_order_id, symbol, side, order_type, quantity, limit_price, stop_price,
                              time_in_force, placed_at, reached, triggered, state, filled, said)
VALUES (%(account)s, %(client_order_id)s, %(symbol)s, %(side)s, %(order_type)s, %(quantity)s, %(limit_price)s,
        %(stop_price)s, %(time_in_force)s, %(placed_at)s, %(reached)s, %(triggered)s, %(state)s, %(filled)s, %(said)s)
ON CONFLICT (account, client_order_id) DO UPDATE
    SET quantity = excluded.quantity, limit_price = excluded.limit_price, stop_price = excluded.stop_price,
        reached = excluded.reached, triggered = excluded.triggered, state = excluded.state, filled = excluded.filled,
        said = excluded.said
