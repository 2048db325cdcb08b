-- The end of each day as it was judged, newest last: what `intraday eod` shows (schemas.end_of_day). The day's numbers stand
-- in eod_summaries, for whoever asks by SQL.
CREATE TABLE eod_reports (
    session     date        NOT NULL,
    environment text        NOT NULL,
    bar_size    text        NOT NULL,
    verdict     text        NOT NULL CHECK (verdict IN ('PASS', 'WARN', 'FAIL', 'ERROR')),
    report      jsonb       NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (session, created_at)           -- "how did the newest session end?"
);
