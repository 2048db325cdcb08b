INSERT INTO position_adoptions (account, symbol, quantity, price, adopted_at, who, why)
VALUES (%(account)s, %(symbol)s, %(quantity)s, %(price)s, %(adopted_at)s, %(who)s, %(why)s)
