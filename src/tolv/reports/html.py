"""One page of HTML that needs nothing else, neither script nor picture from elsewhere."""

from __future__ import annotations

from html import escape

from tolv.reports.text import plain

#: The look of a page.
_STYLE = """
:root{--ink:#1c2430;--paper:#fff;--soft:#667085;--line:#dfe3ea;--panel:#f6f7f9;--holds:#2e7d4f;--warning:#b7791f;
--error:#b3261e;--open:#8a94a6;--none:#c9cfda}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--paper:#14181f;--soft:#9aa4b5;--line:#2c333f;--panel:#1c222b;
--holds:#4caf7d;--warning:#d9a441;--error:#ef6a60;--open:#6b7588;--none:#3a4250}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,sans-serif}
main{max-width:64rem;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.9rem;margin:0 0 .3rem}h2{margin:2.6rem 0 .4rem;font-size:1.3rem;border-top:1px solid var(--line);
padding-top:1.2rem}h3{margin:1.4rem 0 .2rem;font-size:1rem}
.soft{color:var(--soft)}.head{display:flex;flex-wrap:wrap;gap:2rem;align-items:center;margin-top:1rem}
.ring{width:20rem;max-width:100%;flex:none}.ring text{text-anchor:middle;font-size:13px;font-weight:600;fill:#fff}
.ring .mark{font-size:12px;font-weight:400}.ring .grade{font-size:40px;fill:var(--ink)}
.ring .below{font-size:12px;font-weight:400;fill:var(--soft)}
.holds path{fill:var(--holds)}.error path{fill:var(--error)}.warning path{fill:var(--warning)}
.cannot-tell path{fill:var(--open)}.not-applicable path{fill:var(--none)}.ring .not-applicable text{fill:var(--ink)}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.35rem .6rem;border-bottom:1px solid var(--line);
vertical-align:top}
td:first-child{white-space:nowrap}
.badge{display:inline-block;border-radius:.7rem;padding:0 .6rem;color:#fff;font-size:.85rem;white-space:nowrap}
.badge.holds{background:var(--holds)}.badge.error{background:var(--error)}.badge.warning{background:var(--warning)}
.badge.cannot-tell,.badge.note{background:var(--open)}.badge.not-applicable{background:var(--none);color:var(--ink)}
.finding{margin:1rem 0;padding:.7rem 1rem;background:var(--panel);border-left:4px solid var(--open);border-radius:4px}
.finding.error{border-color:var(--error)}.finding.warning{border-color:var(--warning)}
pre{overflow-x:auto;margin:.5rem 0;padding:.5rem .7rem;background:var(--paper);border:1px solid var(--line);
border-radius:4px;font:13px/1.5 ui-monospace,monospace}pre b{color:var(--error)}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}a{color:inherit}
@media print{.finding{break-inside:avoid}}
"""


def page(title: str, body: str) -> str:
    """The page; `title` is text, `body` is HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{text(title)}</title><style>{_STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>\n"
    )


def text(said: str) -> str:
    """A text that the page shows as it is."""
    return escape(plain(said))
