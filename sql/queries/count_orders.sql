SELECT count(*) FROM orders WHERE account = %(account)s AND created_at > %(after)s AND created_at <= %(now)s
