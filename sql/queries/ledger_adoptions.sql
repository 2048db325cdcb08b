SELECT id AS adoption_id, account, symbol, quantity, price, adopted_at, who, why
FROM position_adoptions
WHERE account = %(account)s AND (%(symbols)s::text[] IS NULL OR symbol = ANY(%(symbols)s::text[]))
ORDER BY adopted_at, id
