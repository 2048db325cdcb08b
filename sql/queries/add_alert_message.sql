INSERT INTO alert_messages (at, channel, alerts) VALUES (%(at)s, %(channel)s, %(alerts)s)
