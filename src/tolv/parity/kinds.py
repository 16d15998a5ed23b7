"""The kinds of differences: what each is called, and when it is judged how. The documentation shows this table."""

from __future__ import annotations

#: By kind, what a report calls it.
KINDS: dict[str, str] = {
    "release": "One environment has no live release",
    "stopped": "One environment is stopped",
    "commits": "Commits are live in one environment only",
    "history": "The releases share no history",
    "deploy-rate": "One environment is deployed to far more often",
    "commit-to-live": "A commit takes far longer into one environment",
    "authors-deploy": "Authors deploy in one environment only",
    "build": "The builds differ",
    "dirty": "What runs is no commit",
    "dependencies": "The dependencies differ",
    "platform": "The builds are for different platforms",
    "runtime": "The interpreters differ",
    "process-type": "A process type is there in one environment only",
    "process-off": "A process type runs in one environment only",
    "quantity": "The quantities differ",
    "command": "A process type has another command",
    "process-settings": "A process type has other settings",
    "variable": "A variable is set in one environment only",
    "value": "A variable has different values",
    "shared-secret": "Both environments have the same secret",
    "shared-service": "Both environments use the same backing service",
    "service": "A backing service is attached in one environment only",
    "service-kind": "A backing service is of different kinds",
    "service-version": "A backing service has different versions",
    "os": "The operating systems differ",
    "engine": "The engines differ",
}
