-- Whether the gate has judged a session of some of these symbols: from then on it is the batch run's.
SELECT EXISTS (
    SELECT FROM data_quality_reports WHERE "timestamp" = %(open)s AND report->'symbols' ?| %(symbols)s::text[]
)
