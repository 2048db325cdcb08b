INSERT INTO live_bars (event, "timestamp", session) VALUES ('revised', %(timestamp)s, %(session)s)
