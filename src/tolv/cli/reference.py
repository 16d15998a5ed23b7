"""`python -m tolv.cli.reference`: docs/commands.md, made from the commands' own help."""

from __future__ import annotations

from collections.abc import Iterator

import click

from tolv.cli.main import SECTIONS, cli

_INTRODUCTION = """\
# Commands

<!-- Made by `python -m tolv.cli.reference` from the commands' own help. -->

`-a`, `-e`, `--json` and `--debug` may also stand before the command's name.
"""


def reference() -> str:
    """The page, as Markdown."""
    return "\n".join([_INTRODUCTION, *_sections()])


def _sections() -> Iterator[str]:
    root = click.Context(cli, info_name="tolv", terminal_width=100, **cli.context_settings)
    for heading, names in SECTIONS.items():
        yield f"## {heading}\n"
        for name in names:
            command = cli.get_command(root, name)
            assert command is not None
            yield from _command(command, name, root)


def _command(command: click.Command, name: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent, max_content_width=100, terminal_width=100)
    yield f"### {context.command_path}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from _command(found, child, context)


if __name__ == "__main__":
    print(reference(), end="")
