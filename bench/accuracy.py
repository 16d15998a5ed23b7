"""How right `tolv check` is: its findings against ten real apps that were labelled by hand before it ran on them.

    bin/bench accuracy [--repositories DIR] [--only III] [--differences]

Each file of `bench/accuracy/labels` names a repository and a commit, and says of every rule where it does not hold,
what a reasonable reviewer could see either way (that counts neither for nor against), and what looks like a finding and
is none. DIR holds checkouts by name; what is not there is cloned from its public address into a directory that is kept
there. A finding is right if a label has its rule, its path and its line; a label without a line is the absence of
something, wherever it is reported.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tolv.check.engine import Options, check
from tolv.check.model import SEVERITIES, Finding, Report

LABELS = Path(__file__).parent / "accuracy" / "labels"
#: The precision and recall that are to be reached, by severity.
TARGETS = {"error": (0.95, 0.90), "warning": (0.90, 0.90), "note": (None, 0.90)}


@dataclass
class Score:
    """What was right and wrong, by severity."""

    found: Counter[str] = field(default_factory=Counter)
    labelled: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    reported: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        for name in ("found", "labelled", "right", "reported"):
            getattr(self, name).update(getattr(other, name))
        self.differences += other.differences


def score(report: Report, labels: dict[str, Any], chosen: tuple[str, ...]) -> Score:
    """Compare a report with the labels of its repository."""
    result = Score()
    truth = [one for one in labels.get("finding", ()) if _is_chosen(one, chosen)]
    open_to_debate = labels.get("debatable", ())
    silent = labels.get("silent", ())
    for label in truth:
        result.labelled[label["severity"]] += 1
        if any(matches(label, one) for one in report.findings):
            result.found[label["severity"]] += 1
        else:
            result.differences.append(f"missed  {label['rule']} {_place(label)}: {label['why']}")
    for finding in report.findings:
        severity = finding.severity or "note"
        if any(matches(label, finding) for label in truth):
            result.right[severity] += 1
        elif any(matches(label, finding) for label in open_to_debate):
            continue
        else:
            mark = "trapped" if any(matches(label, finding) for label in silent) else "wrong"
            result.differences.append(f"{mark:7} {finding.rule} {finding.place} {severity}: {finding.message}")
        result.reported[severity] += 1
    return result


def matches(label: dict[str, Any], finding: Finding) -> bool:
    """Whether a finding says what a label says."""
    if label["rule"] != finding.rule:
        return False
    if not label.get("path"):
        return True
    places = [finding.place, *finding.also]
    lines = {label.get("line"), *label.get("also", ())} - {None}
    return any(one.path == label["path"] and (not lines or one.line is None or one.line in lines) for one in places)


def checkout(labels: dict[str, Any], name: str, directory: Path) -> Path:
    """The repository at the commit that was labelled."""
    path = next(
        (one for one in (directory / name, directory / labels["repository"].partition("/")[2]) if one.is_dir()), None
    )
    if path is None:
        path = directory / name
        address = f"https://github.com/{labels['repository']}"
        subprocess.run(["git", "clone", "--quiet", address, str(path)], check=True)
    subprocess.run(["git", "-C", str(path), "checkout", "--quiet", "--detach", labels["commit"]], check=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repositories", type=Path, default=Path.home() / ".cache" / "tolv" / "accuracy")
    parser.add_argument("--only", action="append", default=[], help="a rule or a factor; may be given again")
    parser.add_argument("--differences", action="store_true", help="list what was missed and what is wrong")
    asked = parser.parse_args()
    asked.repositories.mkdir(parents=True, exist_ok=True)
    total = Score()
    print("| repository | errors | warnings | notes | missed | wrong |\n|---|---|---|---|---|---|")
    for file in sorted(LABELS.glob("*.toml")):
        labels = tomllib.loads(file.read_text())
        path = checkout(labels, file.stem, asked.repositories)
        report = check(path, Options(only=tuple(asked.only), cache=False))
        one = score(report, labels, tuple(asked.only))
        total.add(one)
        counts = " | ".join(str(one.reported[severity]) for severity in SEVERITIES)
        missed = sum(one.labelled.values()) - sum(one.found.values())
        wrong = sum(one.reported.values()) - sum(one.right.values())
        print(f"| {file.stem} | {counts} | {missed} | {wrong} |")
        if asked.differences:
            print("\n".join(f"    {line}" for line in one.differences), file=sys.stderr)
    print("\n| severity | precision | target | recall | target |\n|---|---|---|---|---|")
    for severity in SEVERITIES:
        precision = _share(total.right[severity], total.reported[severity])
        recall = _share(total.found[severity], total.labelled[severity])
        wanted, found = TARGETS[severity]
        print(f"| {severity} | {precision} | {f'≥ {wanted:.2f}' if wanted else ''} | {recall} | ≥ {found:.2f} |")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2f} ({part} of {whole})" if whole else "none"


def _is_chosen(label: dict[str, Any], chosen: tuple[str, ...]) -> bool:
    return not chosen or label["rule"] in chosen or label["rule"].partition("-")[0] in chosen


def _place(label: dict[str, Any]) -> str:
    return f"{label.get('path') or '.'}:{label.get('line', '')}"


if __name__ == "__main__":
    main()
