SELECT account, state, count(*) FROM orders GROUP BY account, state ORDER BY account, state
