SELECT DISTINCT account FROM current_positions ORDER BY account
