SELECT exec_id, amount, currency
FROM fills JOIN fill_commissions USING (account, exec_id)
WHERE account = %(account)s AND (%(symbols)s::text[] IS NULL OR symbol = ANY(%(symbols)s::text[]))
