-- What both books said of each symbol when they were last compared.
SELECT symbol, asked_at, ours, theirs FROM reconciliations WHERE account = %(account)s ORDER BY symbol
