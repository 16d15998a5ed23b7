"""The part of SARIF 2.1.0 that reports use, as a JSON schema: written from the standard's sections 3.13 to 3.58.

Stricter than the standard's own: a property that is not listed here is a mistake.
"""

from __future__ import annotations

from typing import Any


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


TEXT = {"type": "string"}
FILLED = {"type": "string", "minLength": 1}
NUMBER = {"type": "integer", "minimum": 1}
BAG = {"type": "object", "properties": {"tags": {"type": "array", "items": TEXT, "uniqueItems": True}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
MESSAGE = closed(["text"], text=FILLED, markdown=TEXT)

URI = {"type": "string", "format": "uri-reference", "pattern": r"^[!-~]+$"}
REGION = closed(["startLine"], startLine=NUMBER, startColumn=NUMBER, endLine=NUMBER, snippet=closed([], text=TEXT))
PHYSICAL = closed(
    ["artifactLocation"], artifactLocation=closed(["uri", "uriBaseId"], uri=URI, uriBaseId=TEXT), region=REGION
)
LOGICAL = {"type": "array", "items": closed(["fullyQualifiedName"], fullyQualifiedName=FILLED)}
LOCATION = closed(
    ["physicalLocation"],
    id={"type": "integer", "minimum": 0},
    physicalLocation=PHYSICAL,
    logicalLocations=LOGICAL,
)

RULE = closed(
    ["id"],
    id=FILLED,
    name=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    helpUri={"type": "string", "format": "uri", "pattern": "^https://[!-~]+$"},
    defaultConfiguration=closed(["level"], level=LEVEL),
    properties=BAG,
)
DRIVER = closed(
    ["name", "rules"],
    name=FILLED,
    version=TEXT,
    semanticVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
    rules={"type": "array", "items": RULE, "uniqueItems": True},
)
SUPPRESSION = closed(
    ["kind"],
    kind={"enum": ["inSource", "external"]},
    status={"enum": ["accepted", "underReview", "rejected"]},
    justification=TEXT,
)
RESULT = closed(
    ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    ruleId=FILLED,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=MESSAGE,
    locations={"type": "array", "items": LOCATION, "minItems": 1, "maxItems": 1},
    relatedLocations={"type": "array", "items": LOCATION, "uniqueItems": True},
    partialFingerprints={"type": "object", "additionalProperties": FILLED, "minProperties": 1},
    suppressions={"type": "array", "items": SUPPRESSION, "uniqueItems": True},
    properties=BAG,
)
NOTIFICATION = closed(["message"], level=LEVEL, message=MESSAGE, locations={"type": "array", "items": LOCATION})
INVOCATION = closed(
    ["executionSuccessful"],
    executionSuccessful={"type": "boolean"},
    toolExecutionNotifications={"type": "array", "items": NOTIFICATION},
)
RUN = closed(
    ["tool", "results"],
    tool=closed(["driver"], driver=DRIVER),
    automationDetails=closed([], id=TEXT),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    originalUriBaseIds={"type": "object", "additionalProperties": closed([], description=MESSAGE)},
    invocations={"type": "array", "items": INVOCATION, "minItems": 1},
    results={"type": "array", "items": RESULT},
    properties=BAG,
)
LOG: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **closed(
        ["version", "runs"],
        version={"const": "2.1.0"},
        runs={"type": "array", "items": RUN},
        **{"$schema": {"type": "string", "format": "uri"}},
    ),
}
