-- What the gate found, and the end of each day.
CREATE TABLE data_quality_reports (
    "timestamp" timestamptz NOT NULL,           -- the session's open
    session     date        NOT NULL,
    environment text        NOT NULL,
    bar_size    text        NOT NULL,
    verdict     text        NOT NULL CHECK (verdict IN ('PASS', 'WARN', 'FAIL', 'ERROR')),
    action      text        NOT NULL CHECK (action IN ('CONTINUE', 'WARN', 'BLOCK')),
    report      jsonb       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY ("timestamp", created_at)       -- the history of a session's judgements, newest last
);

CREATE TABLE eod_summaries (
    session          date    NOT NULL,
    symbol           text    NOT NULL,
    verdict          text    NOT NULL,
    minutes_expected integer NOT NULL,
    bars_stored      integer NOT NULL,
    bars_missing     integer NOT NULL,
    open             numeric,
    high             numeric,
    low              numeric,
    close            numeric,
    volume           bigint  NOT NULL,
    vwap             double precision,
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (session, symbol)
);
