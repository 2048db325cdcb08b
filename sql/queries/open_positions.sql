-- A row for each symbol that is traded, with nothing held, where there is none.
INSERT INTO current_positions (account, symbol)
SELECT %(account)s, unnest(%(symbols)s::text[])
ON CONFLICT (account, symbol) DO NOTHING
