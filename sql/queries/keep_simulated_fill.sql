INSERT INTO simulated_fills (account, exec_id, client_order_id, symbol, side, quantity, price, executed_at, commission)
VALUES (%(account)s, %(exec_id)s, %(client_order_id)s, %(symbol)s, %(side)s, %(quantity)s, %(price)s, %(executed_at)s,
        %(commission)s)
