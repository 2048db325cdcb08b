"""The texts of TWS's errors, warnings and news, by their code.

What belongs here: words. What does not: when they are said. Those that `recordings/tws_messages.jsonl` has are
recorded, the others follow IB's documentation.
"""

TEXTS = {
    103: "Duplicate order id",
    104: "Can't modify a filled order.",
    161: "Cancel attempted when order is not in a cancellable state. Order permId = {}",
    200: "No security definition has been found for the request",
    201: "Order rejected - reason:{}",
    202: "Order Canceled - reason:{}",
    321: "Error validating request.-'bW' : cause - {}",
    326: "Unable to connect as the client id is already in use.",
    329: "Order modify failed. Cannot change to the new order type.",
    354: "Requested market data is not subscribed.",
    399: "Order Message:\n{}\nWarning: Your order will not be placed at the exchange until 09:30:00 US/Eastern.",
    1100: "Connectivity between IBKR and Trader Workstation has been lost.",
    1101: "Connectivity between IBKR and Trader Workstation has been restored - data lost.",
    1102: "Connectivity between IBKR and Trader Workstation has been restored - data maintained.",
    2103: "Market data farm connection is broken:cashfarm",
    2104: "Market data farm connection is OK:usfarm",
    2105: "HMDS data farm connection is broken:ushmds",
    2106: "HMDS data farm connection is OK:ushmds",
    2108: "Market data farm connection is inactive but should be available upon demand.hfarm",
    2110: "Connectivity between Trader Workstation and server is broken. It will be restored automatically.",
    2157: "Sec-def data farm connection is broken:secdefnj",
    2158: "Sec-def data farm connection is OK:secdefnj",
    10147: "OrderId {} that needs to be cancelled is not found.",
    10148: "OrderId {} that needs to be cancelled cannot be cancelled, state: {}.",
    10167: "Requested market data is not subscribed. Displaying delayed market data.",
    10197: "No market data during competing live session",
    10225: "Bust event occurred, current subscription is deactivated. Please resubscribe real-time bars immediately.",
    10349: "Order TIF was set to DAY based on order preset.",
}
FARMS_OK = (2104, 2106, 2158)
NO_DATA = "Historical Market Data Service error message:HMDS query returned no data: {}@SMART {}"
PACING = "Historical Market Data Service error message:Historical data request pacing violation"
QUERY_CANCELLED = "Historical Market Data Service error message:API historical data query cancelled: {}"
