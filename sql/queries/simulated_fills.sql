SELECT exec_id, account, symbol, side, quantity, price, executed_at, client_order_id, commission
FROM simulated_fills
WHERE account = %(account)s
ORDER BY executed_at, exec_id
