"""Factor IV: how a service is used: through one adapter, and declared where the app is described."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from tolv.check.facts.attached import attached
from tolv.check.looks.clients import Client, clients
from tolv.check.looks.mentions import mentions
from tolv.check.model import Finding, NotApplicable, Outcome, Place, Witness
from tolv.check.rule import rule
from tolv.check.rules.backing_services import shown
from tolv.check.unit import Unit

_SOURCE = "https://12factor.net/backing-services"

#: Modules that import a vendor's SDK from as many places as these tie the app to the vendor.
_MOST = 5
_VENDORS = {
    "boto3": "AWS", "botocore": "AWS", "aioboto3": "AWS", "aws-sdk": "AWS", "@aws-sdk": "AWS",
    "google.cloud": "Google Cloud", "@google-cloud": "Google Cloud", "azure": "Azure", "@azure": "Azure",
    "firebase_admin": "Firebase", "firebase-admin": "Firebase", "stripe": "Stripe", "twilio": "Twilio",
    "sendgrid": "SendGrid", "@sendgrid": "SendGrid", "openai": "OpenAI", "anthropic": "Anthropic",
    "@anthropic-ai": "Anthropic", "algoliasearch": "Algolia", "cloudinary": "Cloudinary", "braintree": "Braintree",
    "plaid": "Plaid", "slack_sdk": "Slack", "@slack": "Slack", "mailchimp_marketing": "Mailchimp",
    "@mailchimp": "Mailchimp", "pusher": "Pusher", "mixpanel": "Mixpanel", "paypalrestsdk": "PayPal",
    "contentful": "Contentful", "shopify": "Shopify", "@shopify": "Shopify", "zeep": "",
}  # fmt: skip


@rule(
    "IV-05",
    severity="note",
    materials=("python", "javascript"),
    looks=(mentions,),
    title="A vendor's SDK is used all over the code",
    why="Changing the vendor, or faking it in a test, means to change every one of these modules.",
    fix="Put the SDK behind one module of the app, and let the others call that.",
    bad="import stripe  # in eight modules of four packages",
    good="from shop.payments import charge  # only shop/payments imports stripe",
    source=_SOURCE,
)
def spread_sdk(unit: Unit) -> Iterator[Outcome]:
    """Imports of one vendor in more than five modules outside of one directory."""
    places: dict[str, dict[str, int]] = {}
    for seen in unit.seen(mentions, "prod"):
        vendor = _vendor(seen.what.module)
        if vendor:
            places.setdefault(vendor, {}).setdefault(seen.path, seen.what.line)
    for vendor, files in places.items():
        # The adapter is the directory with most of them, if they are a package of their own.
        home, inside = Counter(path.rpartition("/")[0] for path in files).most_common(1)[0]
        outside = [path for path in files if path.rpartition("/")[0] != home or inside <= 1]
        if len(files) <= _MOST or len(outside) <= _MOST - 1:
            yield Witness(f"the SDK of {vendor} is used in {len(files)} module{'s' if len(files) > 1 else ''}",
                          Place(*next(iter(files.items()))))  # fmt: skip
            continue
        first, *others = files.items()
        yield Finding(
            f"{len(files)} modules import the SDK of {vendor}",
            Place(*first),
            None,
            f"write one module that talks to {vendor}, and let the other {len(others)} call it",
            also=tuple(Place(*one) for one in others[:20]),
            subject=vendor,
        )


def _vendor(module: str) -> str:
    for name in (module.replace("/", "."), module.partition("/")[0], module.partition(".")[0],
                 ".".join(module.split(".")[:2])):  # fmt: skip
        if name in _VENDORS:
            return _VENDORS[name]
    return ""


_TEMPLATES = (
    ".env.example", ".env.sample", ".env.template", ".env.dist", "*.env.example", "env.example", "example.env",
    "app.json", "fly.toml", "render.yaml", "manifest.yml", "tolv.toml", "*compose*.y*ml", "README*", "INSTALL*",
    "CONTRIBUTING*", "docs/*.md", "docs/*.rst", "*k8s*/*.y*ml", "*helm*/*.y*ml", "*deploy*/*.y*ml", "*charts*/*.y*ml",
    "*.tf",
)  # fmt: skip
_WORDS = {
    "postgres": r"postgres|\bpg\b", "mysql": r"mysql|mariadb", "mariadb": r"mysql|mariadb", "redis": r"redis|valkey",
    "mongodb": r"mongo", "rabbitmq": r"rabbit|amqp", "smtp": r"smtp|mail", "s3": r"\bs3\b|minio|bucket|aws",
    "elasticsearch": r"elastic|opensearch", "memcached": r"memcache", "kafka": r"kafka", "nats": r"\bnats\b",
    "mssql": r"sql ?server|mssql",
}  # fmt: skip


@rule(
    "IV-06",
    severity="note",
    materials=("python", "javascript"),
    looks=(clients,),
    title="A service is used that is declared nowhere",
    why="Whoever deploys the app learns from an error that it needs the service, and what it is called.",
    fix="Name it in compose.yaml or app.json, and its variable in .env.example and the README.",
    bad="client = redis.from_url(os.environ['REDIS_URL'])  # and no word of Redis in any manifest",
    good="compose.yaml: services: {cache: {image: redis:7}}",
    source=_SOURCE,
)
def undeclared_service(unit: Unit) -> Iterator[Outcome]:
    """A client whose engine no manifest, template or document names."""
    wanted = [
        (seen.path, seen.what)
        for seen in unit.seen(clients, "prod")
        if seen.what.how == "call" and seen.what.engine in _WORDS and not _is_literal(seen.what)
        and _is_configured(unit, seen.path, seen.what)
    ]  # fmt: skip
    if not wanted:
        yield NotApplicable("it makes no client of a backing service")
        return
    known = {one.engine for one in attached(unit) if one.where != "ci"}
    text = "\n".join((unit.text(file.path) or "")[:200_000] for file in unit.named(*_TEMPLATES)).lower()
    said: set[str] = set()
    for path, client in wanted:
        if client.engine in said:
            continue
        variable = _variable(unit, path, client)
        if client.engine in known or re.search(_WORDS[client.engine], text) or (variable and variable.lower() in text):
            said.add(client.engine)
            yield Witness(f"{shown(client.engine)} is declared", Place(path, client.line))
        elif not _is_optional(unit, path, client):
            said.add(client.engine)
            yield Finding(
                f"{shown(client.engine)} is used here, and neither a manifest nor a document names it",
                Place(path, client.line),
                None,
                f"add {shown(client.engine)} to compose.yaml and {variable or 'its variable'} to .env.example",
                subject=client.engine,
            )


def _is_literal(client: Client) -> bool:
    """Its address is written here: IV-01 and IV-02 say so."""
    return any(one.part in ("url", "host") and one.value.is_text for one in client.given) or client.bare


def _is_configured(unit: Unit, path: str, client: Client) -> bool:
    """Its address comes from the configuration: not from a caller, as where the app watches others' services."""
    given = client.part("url", "host")
    if given is None:
        return False
    value = unit.resolve(given.value, path)
    names = [one.name or "" for one in (value, *value.parts) if one.kind == "name"]
    return any(True for _ in value.envs()) or any(re.search(r"config|settings|\benv\b", one, re.I) for one in names)


def _variable(unit: Unit, path: str, client: Client) -> str | None:
    given = client.part("url", "host")
    if given is None:
        return None
    value = unit.resolve(given.value, path)
    for one in value.envs():
        return one.name
    return value.name.rpartition(".")[2] if value.kind == "name" and value.name else None


def _is_optional(unit: Unit, path: str, client: Client) -> bool:
    """It is made only where a setting asks for it."""
    if any(not one.startswith(("try", "except")) for one in client.scope.guards):
        return True
    source = unit.source(path)
    lines = source.lines[client.line - 1 : client.line + 2] if source is not None else ()
    return any(re.search(r"\bif\b|\?|&&|\band\b", line) for line in lines[:2])
