-- Add how a session ended.
INSERT INTO eod_reports (session, environment, bar_size, verdict, report)
VALUES (%(session)s, %(environment)s, %(bar_size)s, %(verdict)s, %(report)s::jsonb)
