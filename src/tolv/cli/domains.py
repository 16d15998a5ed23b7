"""`tolv domains`: names of one's own, and their certificates."""

from __future__ import annotations

from typing import Any

import click

from tolv.cli.options import Call, common_options, deploy_options, pass_call


@click.group(invoke_without_command=True)
@deploy_options
@common_options
@pass_call
@click.pass_context
def domains(ctx: click.Context, call: Call) -> None:
    """List own domains, of all apps or of one, and the state of their certificates.

    A domain leads to one deploy, by HTTPS; its certificate is made and renewed by itself.

    \b
    Example:
      tolv domains add shop.example.com -e prod
      tolv domains
    """
    if ctx.invoked_subcommand is None:
        _list(call)


@domains.command("list")
@deploy_options
@common_options
@pass_call
def list_domains(call: Call) -> None:
    """List own domains: the same as `tolv domains`.

    \b
    Example:
      tolv domains list -a shop --json
    """
    _list(call)


@domains.command()
@click.argument("domain")
@click.option("--internal", is_flag=True, help="Certify it by Tolv's own authority, which clients must trust.")
@click.option("--move", is_flag=True, help="Take it from the deploy that it leads to now.")
@deploy_options
@common_options
@pass_call
def add(call: Call, domain: str, internal: bool, move: bool) -> None:
    """Let DOMAIN lead to a deploy.

    Its DNS record should point to this machine first. Names below .localhost, .test, .internal, .local and home.arpa
    get a certificate of Tolv's own authority; others one of Let's Encrypt.

    \b
    Example:
      tolv domains add shop.example.com -e prod
      tolv domains add shop.localhost
    """
    body = {"domain": domain, "internal": internal, "move": move, "by": call.by}
    outcome = call.act("POST", f"{call.deploy().path}/domains", body)
    if outcome.value and not call.console.as_json:
        call.console.line(outcome.value["url"])
    call.console.finish(outcome)


@domains.command()
@click.argument("domain")
@common_options
@pass_call
def remove(call: Call, domain: str) -> None:
    """Forget DOMAIN. Its certificate is kept, for the case that it comes back.

    \b
    Example:
      tolv domains remove shop.example.com
    """
    call.console.finish(call.act("DELETE", "/v1/domains", None, domain=domain))


@domains.command()
@common_options
@pass_call
def ca(call: Call) -> None:
    """Print the root certificate of Tolv's own authority, for clients that should trust it.

    \b
    Example:
      tolv domains ca > tolv.pem
      curl --cacert tolv.pem https://shop.localhost
    """
    found = call.api.get("/v1/domains/ca")
    if call.console.as_json:
        call.console.json(found)
    else:
        call.console.part(found["certificate"])


def _list(call: Call) -> None:
    found = call.api.get("/v1/domains", app=call.app, environment=call.environment)
    if call.console.as_json:
        call.console.json(found)
    elif found:
        rows = ((one["url"], one["app"], one["environment"], _tell(one["certificate"])) for one in found)
        call.console.table(("DOMAIN", "APP", "ENVIRONMENT", "CERTIFICATE"), rows)
    else:
        call.console.line("no domains: tolv domains add shop.example.com")


def _tell(certificate: dict[str, Any]) -> str:
    parts = [certificate["state"]]
    if certificate["issuer"]:
        parts = [f"from {certificate['issuer']}, until {certificate['expires']}"]
    if certificate["error"]:
        parts.append(certificate["error"])
    return "; ".join(parts)
