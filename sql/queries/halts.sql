-- What of an account is halted, symbol by symbol (null: everything), by the last word on each.
SELECT symbol, at, who, why
FROM (SELECT DISTINCT ON (symbol) * FROM trading_halts WHERE account = %(account)s ORDER BY symbol, id DESC) AS last_word
WHERE halted
ORDER BY symbol NULLS FIRST
