-- Those of some symbols of which no frame row is stored.
SELECT symbol
FROM unnest(%(pair)s::text[]) AS asked (symbol)
WHERE NOT EXISTS (SELECT FROM dual_ticker_bars WHERE dual_ticker_bars.symbol = asked.symbol)
