"""Mail over SMTP, plain, by STARTTLS or TLS, with the machine's trusted certificates."""

import logging
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final

from resources.alerting.messages import Message
from resources.errors import AlertNotSent, ConfigError
from resources.http import PATIENCE_SECONDS, shown
from resources.in_time import in_time
from resources.settings_sections import MailSettings

PASSWORD_VARIABLE: Final = "ALERT_SMTP_PASSWORD"
log = logging.getLogger("intraday.alerts")


@dataclass(frozen=True)
class Mail:
    """Writes to the recipients of the settings."""

    settings: MailSettings
    host: str
    password: str = field(repr=False)
    timeout: float
    """Seconds for the whole of it."""
    name: str = "mail"

    @property
    def shown(self) -> str:
        """The server."""
        return f"the mail server {self.host}:{self.settings.port}"

    def send(self, message: Message) -> None:
        """Hand it to the server. Recipients that it refuses are named in the log, if it takes any.

        Raises:
            AlertNotSent: no server, a refusal, or not in time.

        """
        late = AlertNotSent(f"{self.shown} was not done within {self.timeout:g} s.")
        in_time(lambda: self._sent(self._letter(message)), self.timeout + PATIENCE_SECONDS, late)

    def _letter(self, message: Message) -> EmailMessage:
        letter = EmailMessage()
        letter["Subject"] = message.title
        letter["From"] = self.settings.sender
        letter["To"] = ", ".join(self.settings.recipients)
        letter.set_content(message.text)
        return letter

    def _sent(self, letter: EmailMessage) -> None:
        try:
            with self._server() as server:
                if self.settings.username is not None:
                    server.login(self.settings.username, self.password)
                refused = server.send_message(letter)
        except (OSError, smtplib.SMTPException) as error:
            said = shown(str(error))
            raise AlertNotSent(f"{self.shown} did not take a mail: {type(error).__name__}: {said}.") from None
        if refused:  # the others have it, and would have it again and again
            log.warning("%s takes no mail for %s.", self.shown, ", ".join(refused))

    def _server(self) -> smtplib.SMTP:
        where, timeout = (self.host, self.settings.port), self.timeout
        if self.settings.encryption == "tls":
            return smtplib.SMTP_SSL(*where, timeout=timeout, context=ssl.create_default_context())
        server = smtplib.SMTP(*where, timeout=timeout)
        if self.settings.encryption == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server


def open_mail(settings: MailSettings, environment: Mapping[str, str], timeout: float) -> Mail | None:
    """The mail server of the settings, if they name one.

    Raises:
        ConfigError: a user is named and no password is there.

    """
    if settings.host is None:
        return None
    password = environment.get(PASSWORD_VARIABLE, "")
    if settings.username is not None and not password:
        raise ConfigError(f"alerts.mail.username is set, and {PASSWORD_VARIABLE} is not in the environment.")
    return Mail(settings, settings.host, password, timeout)
