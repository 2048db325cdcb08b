INSERT INTO gate_acceptances (session, environment, bar_size, symbols, fingerprints, reason, by, at, verdict, findings)
VALUES (%(session)s, %(environment)s, %(bar_size)s, %(symbols)s, %(fingerprints)s, %(reason)s, %(by)s, %(at)s,
        %(verdict)s, %(findings)s)
