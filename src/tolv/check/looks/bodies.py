"""Where handlers read the body of a request as it comes."""

from __future__ import annotations

import re

#: What reads a body as a bag of values, by language.
RAW = {
    "python": re.compile(
        r"\brequest\.(?:get_json\(|json\b(?!\.)|json\.|data\b(?=[\[.)\s,]|$))|json\.loads\(\s*(?:await\s+)?request\.(?:body|data|get_data)|"
        r"await\s+request\.(?:json|body)\(|\bself\.request\.(?:body|json)\b"
    ),
    "javascript": re.compile(
        r"\b(?:req|request|ctx\.request|c\.req)\.body\b|await\s+(?:req|request|c\.req)\.json\(|JSON\.parse\(\s*(?:req|request|event)\.body"
    ),
}

#: What shows that the body is held against a schema, or read into a type.
CHECKED = re.compile(
    r"valid|schema|serializer|\bjoi\b|\bzod\b|\byup\b|\bajv\b|celebrate|superstruct|parse_obj|safeParse|"
    r"\.parse\(\s*(?:req|request|body|data|await)|TypeAdapter|from_json\(|structure\(|pydantic|marshmallow|"
    r"webargs|use_args|use_kwargs|expect\(|reqparse|parse_args\(|\w*Form\(|\w*(?:Model|Request|Dto|DTO|Input|Create|"
    r"Update|Payload)\(\s*\*\*|plainToClass|plainToInstance|sanitize|assert_\w+|require[sd]?_?(?:fields|params|keys|args)\b|cerberus|voluptuous|trafaret",
    re.IGNORECASE,
)
#: Bodies whose form is somebody else's, and proved by a signature; and those that are only handed on.
SIGNED = re.compile(r"signature|hmac|webhook|constructEvent|X-Hub|verify_token|jwt\.decode", re.IGNORECASE)
HANDED_ON = re.compile(
    r"\bproxy|requests\.(?:post|put|request)\(|httpx\.|axios|fetch\(|\.forward\(|graphql|upload|stream\(\)|\.pipe\(",
    re.IGNORECASE,
)
