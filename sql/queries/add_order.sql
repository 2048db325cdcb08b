INSERT INTO orders (account, client_order_id, symbol, side, order_type, quantity, limit_price, stop_price, time_in_force,
                    state, created_at)
VALUES (%(account)s, %(client_order_id)s, %(symbol)s, %(side)s, %(order_type)s, %(quantity)s, %(limit_price)s, %(stop_price)s,
        %(time_in_force)s, 'PENDING', %(created_at)s)
ON CONFLICT (client_order_id) DO NOTHING
