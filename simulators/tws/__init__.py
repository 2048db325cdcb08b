"""The stand-in for TWS and IB Gateway: a loopback server that the real client libraries connect to.

What belongs here: IB's wire format (`framing`, `messages`, `order_messages`, `requests`), a broker's book of orders,
executions and positions (`records`, `book`, `market`), and the server that puts one behind the other (`sockets`,
`answers`, `simulator`). What does not: anything that the product needs in production.
"""

from simulators.tws.simulator import TwsSimulator

__all__ = ["TwsSimulator"]
