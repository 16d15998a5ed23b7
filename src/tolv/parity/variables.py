"""What a variable of a config is there for, told by its name and the shape of its value: whether it ought to differ."""

from __future__ import annotations

import re
from typing import Literal

Role = Literal["secret", "address", "label", "stage", "tuning", "switch", "other"]
"""A secret; where something is; how this environment is called elsewhere; which of several environments the code takes
itself for; how much of something; which of several ways the code goes; anything else."""

#: Roles of variables that differ between environments by their nature.
VARYING: frozenset[Role] = frozenset({"secret", "address", "label", "tuning"})

_STAGES = frozenset(
    "APP_ENV APP_ENVIRONMENT APP_CONFIG APP_SETTINGS APP_STAGE ASPNETCORE_ENVIRONMENT CI_ENVIRONMENT DEPLOY_ENV "
    "DJANGO_CONFIGURATION DJANGO_ENV DJANGO_SETTINGS_MODULE DOTNET_ENVIRONMENT ENV ENVIRONMENT FASTAPI_ENV "
    "FLASK_CONFIG FLASK_ENV GO_ENV MIX_ENV NODE_ENV PYTHON_ENV RACK_ENV RAILS_ENV SPRING_PROFILES_ACTIVE STAGE "
    "SYMFONY_ENV".split()
)
_SECRET = frozenset(
    "SECRET SECRETS PASSWORD PASSWD PASS PWD PASSPHRASE TOKEN TOKENS CREDENTIAL CREDENTIALS SALT PEPPER SIGNING "
    "PRIVATE APIKEY".split()
)
_LABEL = frozenset("ENVIRONMENT ENV LABEL LABELS NAME TAG TAGS RELEASE STAGE SERVICE".split())
_ADDRESS = frozenset(
    "URL URLS URI URIS DSN HOST HOSTS HOSTNAME PORT DOMAIN DOMAINS ORIGIN ORIGINS ENDPOINT ENDPOINTS ADDR ADDRESS "
    "SERVER SERVERS BUCKET REGION ZONE USER USERNAME LOGIN ACCOUNT EMAIL MAIL FROM SENDER RECIPIENT DATABASE DBNAME "
    "SCHEMA CALLBACK REDIRECT PROXY PROXIES DIR DIRECTORY PATH FOLDER ID".split()
)
_TUNING = frozenset(
    "CONCURRENCY WORKERS THREADS PROCESSES TIMEOUT POOL MAX MIN LIMIT LIMITS SIZE LEVEL INTERVAL TTL RATE SAMPLE RATIO "
    "GRACE RETRIES RETRY BACKOFF BATCH BYTES SECONDS MINUTES HOURS DAYS MEMORY COUNT THRESHOLD QUOTA AGE".split()
)
_SWITCH = frozenset(
    "DEBUG ENABLE ENABLED DISABLE DISABLED FEATURE FLAG BACKEND ENGINE DRIVER ADAPTER PROVIDER STORAGE CLASS MODE "
    "EAGER STRICT USE VERIFY VERSION TESTING".split()
)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://\S")


def role_of(name: str, value: str) -> Role:
    """What the variable is there for."""
    if _URL.match(value):
        return "address"
    words = name.upper().split("_")
    if name.upper() in _STAGES:
        return "stage"
    if _SECRET.intersection(words) or (words[-1] in ("KEY", "KEYS") and "PUBLIC" not in words):
        return "secret"
    if _SWITCH.intersection(words):
        return "switch"
    if words[-1] in _LABEL:
        return "label"
    if _TUNING.intersection(words):
        return "tuning"
    return "address" if _ADDRESS.intersection(words) else "other"
