"""`tolv maintenance`: keep requests from a deploy for a while."""

from __future__ import annotations

from pathlib import Path

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call
from tolv.cli.output import ago
from tolv.errors import UsageError

#: Bytes that a page may have.
_LARGEST_PAGE = 64 * 1024


@click.group(invoke_without_command=True)
@deploy_options
@common_options
@pass_call
@click.pass_context
def maintenance(ctx: click.Context, call: Call) -> None:
    """Say whether requests are kept from a deploy; or do so, or let them through again.

    Processes run on meanwhile, and deploys, scalings and restarts go on as ever. It lasts until it is switched off.

    \b
    Example:
      tolv maintenance on -e prod
      tolv maintenance off -e prod
    """
    if ctx.invoked_subcommand is not None:
        return
    told = call.api.get(f"{call.deploy().path}/maintenance")
    if call.console.as_json:
        call.console.json(told)
    elif (now := told["maintenance"]) is None:
        call.console.line("off: requests go through")
    else:
        what = "requests wait" if now["hold"] else "requests are answered 503"
        call.console.line(f"on since {ago(now['since'])}, by {now['by']}: {what}")


@maintenance.command()
@click.option("--hold", is_flag=True, help="Let requests wait, 30 s at most, instead of answering 503 at once.")
@click.option("--page", metavar="FILE", help="Answer with this page, HTML or text, 64 KiB at most.")
@deploy_options
@common_options
@pass_call
def on(call: Call, hold: bool, page: str | None) -> None:
    """Answer every new request 503 with Retry-After; those in flight finish.

    \b
    Example:
      tolv maintenance on -e prod --page sorry.html
      tolv maintenance on -e prod --hold
    """
    if hold and page:
        raise UsageError(
            "--hold and --page exclude each other", remedy="requests that wait see no page; say one of them"
        )
    body = {"on": True, "hold": hold, "page": _read(page) if page else "", "by": call.by}
    call.console.finish(call.act("POST", f"{call.deploy().path}/maintenance", body))


@maintenance.command()
@deploy_options
@common_options
@pass_call
def off(call: Call) -> None:
    """Let requests through again, those first that waited.

    \b
    Example:
      tolv maintenance off -e prod
    """
    call.console.finish(call.act("POST", f"{call.deploy().path}/maintenance", {"on": False, "by": call.by}))


def _read(page: str) -> str:
    try:
        content = Path(page).read_bytes()
        text = content.decode()
    except OSError as error:
        raise UsageError(f"the page cannot be read: {error.strerror}", where=page, remedy="name a file") from None
    except UnicodeDecodeError:
        raise UsageError("the page is no text in UTF-8", where=page, remedy="save it as UTF-8") from None
    if not text.strip() or len(content) > _LARGEST_PAGE:
        raise UsageError(f"the page has {len(content)} bytes", where=page, remedy="one of 1 byte to 64 KiB will do")
    return text
