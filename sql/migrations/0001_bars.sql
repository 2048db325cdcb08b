-- Bars as stored, the trace of their revisions, and the aligned frame that a model reads.
-- Prices are exact decimals: what a vendor wrote is what comes back.
CREATE TABLE market_data (
    "timestamp" timestamptz NOT NULL,           -- start of the bar
    symbol      text        NOT NULL,
    open        numeric     NOT NULL,
    high        numeric     NOT NULL,
    low         numeric     NOT NULL,
    close       numeric     NOT NULL,
    volume      bigint      NOT NULL,
    source      text        NOT NULL CHECK (source <> 'synthetic'),
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY ("timestamp", symbol)           -- read by time range, one pair at a time
);

CREATE TABLE bar_revisions (
    "timestamp" timestamptz NOT NULL,
    symbol      text        NOT NULL,
    open        numeric     NOT NULL,
    high        numeric     NOT NULL,
    low         numeric     NOT NULL,
    close       numeric     NOT NULL,
    volume      bigint      NOT NULL,
    source      text        NOT NULL,
    created_at  timestamptz NOT NULL,           -- when these values had been stored
    revised_at  timestamptz NOT NULL DEFAULT now(),
    removed     boolean     NOT NULL            -- true: the source no longer has the bar; false: it has other values
);
CREATE INDEX bar_revisions_by_bar ON bar_revisions (symbol, "timestamp");  -- "what did this bar say before?"

CREATE TABLE dual_ticker_bars (
    "timestamp" timestamptz      NOT NULL,      -- every exchange minute, whether a bar came or not
    symbol      text             NOT NULL,
    open        numeric,                        -- nulls: the feed gave no bar for this minute
    high        numeric,
    low         numeric,
    close       numeric,
    volume      bigint,
    rsi         double precision,
    ema_short   double precision,
    ema_long    double precision,
    vwap        double precision,
    hour_sin    double precision NOT NULL,
    hour_cos    double precision NOT NULL,
    minute_sin  double precision NOT NULL,
    minute_cos  double precision NOT NULL,
    PRIMARY KEY ("timestamp", symbol)
);

-- One database holds bars of one length: replacing a session of one-minute bars by five-minute bars would lose bars.
CREATE TABLE stored_bar_size (
    bar_size text    NOT NULL,
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);
