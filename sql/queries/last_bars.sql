-- Of each symbol the last stored bar that begins before a moment.
SELECT symbol, bar."timestamp", bar.close
FROM unnest(%(symbols)s::text[]) AS symbol
CROSS JOIN LATERAL (SELECT "timestamp", close FROM market_data
                    WHERE market_data.symbol = symbol.symbol AND "timestamp" < %(before)s
                    ORDER BY "timestamp" DESC LIMIT 1) AS bar
