"""Secrets that show by their form whose they are: tokens of providers, private keys.

The forms are those that the providers publish, so that their own scanners can find what leaks. A text that holds none
of the markers costs one pass for each of them, at the speed of `bytes.find`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """What the secrets of one provider look like."""

    name: str
    """What a finding calls it: `an AWS access key`."""
    marker: bytes
    """Each has this in it."""
    pattern: re.Pattern[bytes]
    """Its first group is the secret."""
    public: bool = False
    """Made to be seen by browsers; it is restricted by other means, or should be."""


@dataclass(frozen=True, slots=True)
class Found:
    """One secret in a text."""

    form: Form
    line: int
    """From 1."""
    column: int
    """From 1, in bytes."""
    secret: bytes


def _form(name: str, marker: str, pattern: str, *, public: bool = False) -> Form:
    return Form(name, marker.encode(), re.compile(rb"(?<![A-Za-z0-9_/+-])(" + pattern.encode() + rb")"), public)


_END = r"(?![A-Za-z0-9_-])"

FORMS: tuple[Form, ...] = (
    _form("an AWS access key", "AKIA", r"AKIA[A-Z2-7]{16}(?![A-Za-z0-9])"),
    _form("a GitHub token", "ghp_", r"ghp_[A-Za-z0-9]{36}" + _END),
    _form("a GitHub token", "gho_", r"gho_[A-Za-z0-9]{36}" + _END),
    _form("a GitHub token", "ghs_", r"ghs_[A-Za-z0-9]{36}" + _END),
    _form("a GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9_]{60,90}" + _END),
    _form("a GitLab token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,64}" + _END),
    _form("a Slack token", "xox", r"xox[abprs]-[0-9]{6,14}-[A-Za-z0-9-]{10,80}" + _END),
    Form(
        "a Slack webhook",
        b"hooks.slack.com/services/T",
        re.compile(rb"(hooks\.slack\.com/services/T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{20,32})"),
    ),
    _form("a Stripe key", "_live_", r"(?:sk|rk)_live_[A-Za-z0-9]{16,120}" + _END),
    _form("a Stripe test key", "sk_test_", r"sk_test_[A-Za-z0-9]{20,120}" + _END, public=True),
    _form("a SendGrid key", "SG.", r"SG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{40,46}" + _END),
    _form("a Google API key", "AIza", r"AIza[A-Za-z0-9_-]{35}" + _END, public=True),
    _form("a Google client secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}" + _END),
    _form("an npm token", "npm_", r"npm_[A-Za-z0-9]{36}" + _END),
    _form("a PyPI token", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{60,250}"),
    _form("a RubyGems key", "rubygems_", r"rubygems_[a-f0-9]{48}" + _END),
    _form("a DigitalOcean token", "_v1_", r"do[opr]_v1_[a-f0-9]{64}" + _END),
    _form("a Heroku key", "HRKU-", r"HRKU-[A-Za-z0-9_-]{36,70}" + _END),
    _form("an OpenAI key", "T3BlbkFJ", r"sk-[A-Za-z0-9_-]{16,100}T3BlbkFJ[A-Za-z0-9_-]{16,100}" + _END),
    _form("an Anthropic key", "sk-ant-", r"sk-ant-[a-z0-9]{3,8}-[A-Za-z0-9_-]{80,110}" + _END),
    _form("a Hugging Face token", "hf_", r"hf_[A-Za-z]{34}" + _END),
    _form("a Shopify token", "shp", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}" + _END),
    _form("a Square token", "sq0", r"sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}" + _END),
    _form("a Telegram bot token", ":AA", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}" + _END),
    _form("a Mailgun key", "key-", r"key-[a-f0-9]{32}" + _END),
    _form("a Mailchimp key", "-us", r"[a-f0-9]{32}-us[0-9]{1,2}" + _END),
    _form("a Twilio key", "SK", r"SK[a-f0-9]{32}" + _END),
    _form("a Databricks token", "dapi", r"dapi[a-f0-9]{32}(?:-\d)?" + _END),
    _form("a New Relic key", "NRAK-", r"NRAK-[A-Z0-9]{27}" + _END),
    _form("a Grafana token", "glsa_", r"glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}" + _END),
    _form("a Sentry token", "sntrys_", r"sntrys_[A-Za-z0-9+/=_-]{60,300}"),
    _form("a Doppler token", "dp.", r"dp\.(?:pt|st|ct|sa)\.[A-Za-z0-9._-]{40,60}" + _END),
    _form("a Vault token", "hvs.", r"hvs\.[A-Za-z0-9_-]{80,120}" + _END),
    _form("a Terraform Cloud token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_-]{60,70}" + _END),
    _form("a Postman key", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}" + _END),
    _form("a Linear key", "lin_api_", r"lin_api_[A-Za-z0-9]{40}" + _END),
    _form("an age key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{58}" + _END),
    _form("an Atlassian token", "ATATT3", r"ATATT3[A-Za-z0-9_=-]{100,250}"),
    _form("a PlanetScale secret", "pscale_", r"pscale_(?:pw|tkn|oauth)_[A-Za-z0-9_.-]{32,64}" + _END),
    _form("a Supabase token", "sbp_", r"sbp_[a-f0-9]{40}" + _END),
    _form("a Docker Hub token", "dckr_pat_", r"dckr_pat_[A-Za-z0-9_-]{27}" + _END),
    _form("an Alibaba access key", "LTAI", r"LTAI[A-Za-z0-9]{20}" + _END),
    # Not that of the emulator, which is the same for all.
    Form("an Azure storage key", b"AccountKey=", re.compile(rb"AccountKey=((?!Eby8vdM02xNOcqFl)[A-Za-z0-9+/]{86}==)")),
    Form(
        "a private key",
        b"PRIVATE KEY",
        re.compile(
            rb"(-----BEGIN (?:RSA |EC |DSA |OPENSSH |PGP )?PRIVATE KEY(?: BLOCK)?-----)(?:\\r|\\n|[\s\"'+,\\]){0,80}"
            rb"(?:[A-Za-z-]{1,40}: [^\n]{0,200}\n\s{0,8}){0,6}[A-Za-z0-9+/=]{24}"
        ),
    ),
)

_EXAMPLES = re.compile(rb"(?i)example|xxxx|your|placeholder|redacted|dummy|fake|1234567890|abcdefghij|0000000|deadbeef")


def find_secrets(data: bytes) -> Iterator[Found]:
    """The secrets in provider format that a text holds, in order of form and place; placeholders are none."""
    for form in FORMS:
        if form.marker not in data:
            continue
        for match in form.pattern.finditer(data):
            secret = match[1]
            if form.name == "a private key" or _is_real(secret):
                start = match.start(1)
                line = data.count(b"\n", 0, start) + 1
                yield Found(form, line, start - data.rfind(b"\n", 0, start), secret)


def has_marker(data: bytes) -> bool:
    """Whether a text may hold a secret in provider format: fast, with false alarms."""
    return any(form.marker in data for form in FORMS)


def _is_real(secret: bytes) -> bool:
    """It is no placeholder: enough different characters, and no word that says so."""
    body = secret.rpartition(b"_")[2] if b"_" in secret[:12] else secret
    return _EXAMPLES.search(secret) is None and len(set(body)) >= min(10, len(body) // 2)
