"""A group of commands of which one needs no name: `intraday gate FILE` beside `intraday gate accept`."""

from typing import Any, ClassVar

from typer.core import TyperGroup
from typer.exceptions import TyperException


class DefaultCommandGroup(TyperGroup):
    """Runs its default command when the first word names none; its help is the default's and a list of the others.

    What a person types wrong ends with a status of its own, so that a script does not take it for an answer.
    """

    default: ClassVar[str]
    misused: ClassVar[int]
    """The exit status where the words cannot be understood."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """As of any group."""
        words = args if args and (args[0] in self.commands or args[0] == "--help") else [self.default, *args]
        return self._told_apart(super().make_context, info_name, words, parent=parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """As of any group."""
        return self._told_apart(super().invoke, ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The default command's help, and the other commands."""
        default = self.commands[self.default]
        others = {name: command for name, command in self.commands.items() if name != self.default}
        shown = TyperGroup(
            name=self.name,
            commands=others,
            help=default.help,
            params=list(default.params),
            rich_markup_mode=self.rich_markup_mode,
            subcommand_metavar="| COMMAND …",
        )
        shown.format_help(ctx, formatter)

    def _told_apart(self, step: Any, *args: Any, **named: Any) -> Any:
        try:
            return step(*args, **named)
        except TyperException as error:
            error.exit_code = self.misused
            raise
