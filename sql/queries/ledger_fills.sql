SELECT exec_id, account, symbol, side, quantity, price, executed_at, client_order_id, perm_id
FROM fills
WHERE account = %(account)s AND (%(symbols)s::text[] IS NULL OR symbol = ANY(%(symbols)s::text[]))
ORDER BY executed_at, exec_id
