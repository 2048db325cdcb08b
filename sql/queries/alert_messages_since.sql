SELECT count(*) FROM alert_messages WHERE channel = %(channel)s AND at > %(since)s
