"""Sentences as reports print them: with a capital and without a full stop, whoever wrote them."""

from __future__ import annotations

import re

#: Words that a sentence begins with; what else stands in front in lower case is a name of the code.
_OPENING = re.compile(
    r"(?:the|a|an|no|nothing|nobody|none|any|some|one|two|each|every|what|which|when|where|it|its|this|these|that|of|"
    r"whole|all|several|only|here|in|on|for)(?= )"
)
#: An order begins with its verb, and no verb is followed by a sign.
_VERB = re.compile(r"[a-z]{2,}(?= [\w`\"'/.$@<{(&-])(?! =)")


def sentence(text: str) -> str:
    """What is wrong: `nothing handles SIGTERM` and `urlopen has no timeout.` as a sentence without a full stop."""
    text = _without_stop(text)
    return text[0].upper() + text[1:] if _OPENING.match(text) else text


def order(text: str) -> str:
    """What to do; a line of code stays as it is."""
    text = _without_stop(text)
    return text[0].upper() + text[1:] if _VERB.match(text) and "=" not in text.split(" ")[1] else text


def _without_stop(text: str) -> str:
    text = text.strip()
    return text[:-1] if text.endswith(".") and not text.endswith("..") and not re.search(r"[.!?] ", text) else text
