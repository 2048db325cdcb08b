"""Records of what trading came to: closed trades, and the summary of a portfolio that every reader renders.

`oms.ledger` closes trades, `oms.portfolio` sums up. Money is Decimal, in JSON a string, so that no digit is lost.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from pydantic import Field

from schemas.quality import Record


@dataclass(frozen=True, slots=True)
class ClosedTrade:
    """Shares of one lot that one fill closed: from fill to fill, so that a lot closed in two goes is two trades."""

    account: str
    symbol: str
    quantity: Decimal
    """Negative: sold short and bought back."""
    opened_at: datetime
    closed_at: datetime
    entry: Decimal
    exit: Decimal
    commission: Decimal = Decimal(0)
    """Its part, by shares, of what is known of both fills' commissions."""

    @property
    def gross(self) -> Decimal:
        """What it earned before commission."""
        return self.quantity * (self.exit - self.entry)

    @property
    def net(self) -> Decimal:
        """What it earned."""
        return self.gross - self.commission

    @property
    def held(self) -> timedelta:
        """How long."""
        return self.closed_at - self.opened_at


class Exposure(Record):
    """What the market could do to the positions, in dollars at the last prices."""

    gross: Decimal | None = Field(description="long and short added up; null when a price is missing")
    net: Decimal | None = Field(description="long less short; null when a price is missing")
    by_symbol: dict[str, Decimal | None] = Field(description="of what is held, negative when short")
    unpriced: tuple[str, ...] = Field(description="symbols that are held and have no price")


class ProfitAndLoss(Record):
    """What was earned, in dollars."""

    realized: Decimal = Field(description="of closed lots by FIFO, less all commissions known, those of open lots too")
    unrealized: Decimal | None = Field(description="null when a price is missing")
    total: Decimal | None = Field(description="null when a price is missing")
    commissions: Decimal


class Turnover(Record):
    """What changed hands, bought and sold, in dollars; adoptions are not trades."""

    total: Decimal
    by_day: dict[date, Decimal] = Field(description="by New York's day")


class Statistics(Record):
    """Of closed trades, after their parts of the commissions; a trade goes from fill to fill."""

    trades: int
    wins: int
    losses: int = Field(description="a trade that came out even is neither")
    win_rate: Decimal | None = Field(description="share of all trades; null without trades, as are the others")
    average_win: Decimal | None
    average_loss: Decimal | None = Field(description="negative")
    largest_win: Decimal | None
    largest_loss: Decimal | None = Field(description="negative")
    profit_factor: Decimal | None = Field(description="all wins over all losses; null without losses")
    average_holding: timedelta | None = Field(description="each trade counts the same, whatever its size")
    maximum_drawdown: Decimal = Field(description="how far the sum of trades fell below its highest, which begins at 0")


class PortfolioSummary(Record):
    """All of a portfolio in a few numbers. Equal input, equal summary: it carries no clock of its own."""

    open_positions: int
    exposure: Exposure
    profit_and_loss: ProfitAndLoss
    turnover: Turnover
    statistics: Statistics
