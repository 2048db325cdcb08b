"""The database as one file, proven by restoring it. Only `intraday db` comes here: what stores or reads needs none."""
