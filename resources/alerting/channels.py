"""What every channel is: it has a name and takes messages. Which ones there are: `webhook` and `mail` beside this."""

from typing import Protocol

from resources.alerting.messages import Message


class Channel(Protocol):
    """Carries messages to people."""

    @property
    def name(self) -> str:
        """`webhook` or `mail`."""

    @property
    def shown(self) -> str:
        """Where messages go, without anything secret."""

    def send(self, message: Message) -> None:
        """Hand over a message.

        Raises:
            AlertNotSent: it was not taken, or not in time.

        """
