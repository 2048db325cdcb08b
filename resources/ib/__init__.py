"""Interactive Brokers: the connection to TWS or IB Gateway, orders on paper, history, real-time bars.

What a session of the market or an order's life is, is not known here: messages go out, what comes back is translated.
"""
