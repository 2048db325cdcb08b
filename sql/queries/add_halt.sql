INSERT INTO trading_halts (account, symbol, halted, who, why)
VALUES (%(account)s, %(symbol)s, %(halted)s, %(who)s, %(why)s)
