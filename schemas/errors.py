"""The root of the project's exception tree.

Only what every floor shares lives here; failures of the outside world are in `resources.errors`.
"""


class IntradayError(Exception):
    """A failure with a sentence for a person, and the answer to "would a retry help?".

    ```
    IntradayError
    ├── UnknownSession          the exchange does not trade that day
    ├── LabelSideUnclear        bars whose stamps cannot be told apart as start or end of bar
    ├── RangeNotUnderstood      a range of time that cannot be read, or is empty
    ├── ContractBroken          a table that does not satisfy its Pandera model
    ├── OrderInvalid            an order that no broker could understand
    └── resources.errors: ConfigError, FeedError …, DatabaseError …, FingerprintMismatch …
    ```
    """

    retry_helps: bool = False

    def sentence(self) -> str:
        """The message, and whether trying again would help."""
        hint = "A retry may help." if self.retry_helps else "A retry would not help."
        return f"{self} {hint}"


def sentence_of(error: Exception) -> str:
    """What a person is told of any failure, ours or not."""
    return error.sentence() if isinstance(error, IntradayError) else f"{type(error).__name__}: {error}"


class UnknownSession(IntradayError):
    """The exchange does not trade on the day that was named."""


class LabelSideUnclear(IntradayError):
    """Nothing, or contradictory things, say whether stamps mark the start or the end of a bar."""


class ContractBroken(IntradayError):
    """A table does not satisfy its Pandera model."""


class RangeNotUnderstood(IntradayError):
    """A range of time whose bounds cannot be read, or between which there is no time."""
