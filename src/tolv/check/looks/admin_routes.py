"""Java: methods that answer HTTP requests and stop the process."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.look import Look
from tolv.check.looks.route import Route, called_on
from tolv.check.source import Source

java_routes: Look[Route] = Look("java_routes")

_MAPPING = re.compile(
    r"(?:Get|Post|Put|Patch|Delete|Request)Mapping$|^(?:javax|jakarta)\.ws\.rs\.(?:GET|POST|PUT|DELETE)$"
)


@java_routes.reads("java", words=("RequestMapping", "GetMapping", "PostMapping", "DeleteMapping", "PutMapping"))
def _read(source: Source) -> Iterator[Route]:
    for function in source.functions():
        mapping = next((one for one in function.decorators if _MAPPING.search(one.name)), None)
        if mapping is None:
            continue
        value = mapping.argument(0, "value", "path")
        path = value.text if value is not None and value.is_text else None
        first, last = min(function.line, mapping.line), function.end_line
        calls = called_on(source, function.line, last)
        yield Route("*", path, function.name, mapping.line, 1, first, last, "route", "spring", calls)
