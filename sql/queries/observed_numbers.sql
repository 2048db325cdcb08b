-- The frame rows of two symbols at one time, each with what an account holds of it.
-- The columns are filled in by resources/database/observation_reader.py.
SELECT {numbers}, position.qty::float4
FROM dual_ticker_bars frame
LEFT JOIN current_positions position ON position.symbol = frame.symbol AND position.account = %(account)s
WHERE frame."timestamp" = %(timestamp)s AND frame.symbol = ANY(%(pair)s)
ORDER BY array_position(%(pair)s, frame.symbol)
