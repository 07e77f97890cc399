"""How `lookup batch` prints batches, findings and differences; and its group of commands."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import typer

from lookup import record_page
from lookup.admin.batches import Batch, FindingGroup
from lookup.admin.differences import CREDENTIALS, Differences, FieldChange
from lookup.admin.risk import Risk
from lookup.admin.sampling import Sample
from lookup.commands.terminal import out, print_json, print_more, safe, some, table
from lookup.kinds import Kind

batch_app = typer.Typer(help="Batches: rows an office sent.", no_args_is_help=True)

_NAMES = (
    "id",
    "state",
    "title",
    "loaded_at",
    "loaded_by",
    "records",
    "errors",
    "warnings",
    "expected",
    "sha256",
    "corrects",
    "reason",
    "rejected_because",
    "destroyed_at",
)

_UNCLEAR = frozenset({"unclear_layout", "unknown_header", "few_known"})
_HEADERS = frozenset({"unclear_layout", "header_is_data", "header_absent", "record_above_header"})
NAMING = _UNCLEAR | {"missing_column", "unclear_column", "double_column"}
"""Rules that ask which column is which field."""
HINTS = {
    NAMING: "--map COLUMN=FIELD says which field a column is, '#1=FIELD' the first column's,"
    " COLUMN= that it is not read.",
    _HEADERS: "--header ROW says where the header is, --header 0 that there is none.",
    _UNCLEAR | {"hidden_sheet", "sheet_absent"}: "--sheet NAME names the tables to"
    " read, one each time it is given.",
}
"""The options that say what a finding asks for, by the rules they answer."""


def batch_json(batch: Batch) -> dict[str, Any]:
    """A batch as programs get it."""
    return {"kind": batch.kind.name} | {name: getattr(batch, name) for name in _NAMES}


def counts(batch: Batch) -> str:
    """What a batch holds and what was found in it, in numbers."""
    numbers = ((batch.records, "record"), (batch.errors, "error"), (batch.warnings, "warning"))
    return ", ".join(some(number, what) for number, what in numbers)


def print_batch(batch: Batch, as_json: bool) -> None:
    """One line, or one document."""
    if as_json:
        print_json(batch_json(batch))
        return
    out.print(f"Batch {batch.id} ({batch.state}), {safe(batch.title)}: {counts(batch)}.")
    if batch.reason:
        out.print(f"Reason of the correction: {safe(batch.reason)}")
    if batch.rejected_because:
        out.print(f"Rejected by {safe(batch.rejected_by)}: {safe(batch.rejected_because)}")


def print_findings(shown: list[dict[str, Any]], count: int) -> None:
    """A table of findings, and how many more there are."""
    if not shown:
        return
    columns = ["severity", "file", "line", "column", "value", "reason"]
    # Line 0 is the whole table, or the whole file.
    table(columns, [[finding[name] or "" for name in columns] for finding in shown])
    print_more(count - len(shown))


def print_hints(kind: Kind, rules: Iterable[str]) -> None:
    """Which options answer what these findings ask."""
    asked = set(rules)
    for about, hint in HINTS.items():
        if about & asked:
            out.print(hint)
    if asked & NAMING:
        fields = (f for f in kind.fields if f.type != "rows")
        out.print("Fields: " + ", ".join(f"{f.name} {f.label.zh}" for f in fields))


def print_groups(groups: list[FindingGroup]) -> None:
    """A table of what was found by rule and column, with the first place of each."""
    rows: list[list[object]] = []
    for group in groups:
        first = group.examples[0]
        place = first["file"] + (f", line {first['line']}" if first["line"] else "")
        rows.append([group.severity, group.count, group.column, place, first["reason"]])
    table(["severity", "count", "column", "first at", "reason"], rows)


def print_sample(kind: Kind, number: int, sample: Sample) -> None:
    """A sampled candidate's page as text: what the public would see."""
    page = record_page.show(kind, sample.body, "zh")
    out.print(f"[bold]{number}. {safe(sample.identifier)}[/] ({safe(sample.why)})")
    if page.headline:
        out.print(safe(f"{page.headline.label}: {page.headline.text}"))
    for one in page.beside:
        out.print(safe(f"  {one.label}: {one.text}"))
    for section in page.sections:
        out.print(f"[bold]{safe(section.title)}[/]")
        for one in section.entries:
            out.print(safe(f"  {one.label}: {one.text}"))
        for rows in section.tables:
            table(list(rows.columns), [list(row) for row in rows.rows])


def risk_sentence(risk: Risk) -> str:
    """What one way in risks, in words."""
    return (
        f"Risk of {' + '.join(risk.way.fields)}: the {risk.tries} wrong tries that one network"
        f" gets at once at each of {some(risk.records, 'number')} would open about"
        f" {risk.expected:.3g} records, those of a day ({risk.tries_a_day:,}) about"
        f" {risk.expected_a_day:.3g}."
    )


def risk_json(risk: Risk) -> dict[str, Any]:
    """What one way in risks, as programs get it."""
    return {
        "way_in": risk.way.name,
        "records": risk.records,
        "tries": risk.tries,
        "expected": risk.expected,
        "tries_a_day": risk.tries_a_day,
        "expected_a_day": risk.expected_a_day,
    }


def print_differences(found: Differences, as_json: bool) -> None:
    """What a batch would change, by field; the examples are for a terminal's eyes alone."""
    if as_json:
        print_json(dataclasses.asdict(found))
        return
    against = f"batch {found.against}" if found.against else "nothing: no release is live"
    out.print(
        f"Against {against}: {found.added:,} added, {found.removed:,} removed,"
        f" {found.changed:,} changed."
    )
    if found.fields:
        rows = [[f.field, f.changed, f.filled, f.emptied, _steps(f)] for f in found.fields]
        table(["field", "changed", "filled", "emptied", "from → to"], rows)
    if found.examples:
        table(
            ["", "record", "change"], [[e.what, e.identifier, _change(e)] for e in found.examples]
        )


def _steps(change: FieldChange) -> str:
    return "; ".join(f"{old or '—'} → {new or '—'}: {count}" for old, new, count in change.steps)


def _change(example: Any) -> str:
    return "; ".join(
        name if name == CREDENTIALS else f"{name}: {_value(old)} → {_value(new)}"
        for name, (old, new) in example.fields.items()
    )


def _value(value: Any) -> str:
    return "—" if value is None else str(value)
