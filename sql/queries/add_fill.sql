INSERT INTO fills (account, exec_id, symbol, side, quantity, price, executed_at, client_order_id, perm_id)
VALUES (%(account)s, %(exec_id)s, %(symbol)s, %(side)s, %(quantity)s, %(price)s, %(executed_at)s, %(client_order_id)s, %(perm_id)s)
ON CONFLICT (account, exec_id) DO NOTHING
