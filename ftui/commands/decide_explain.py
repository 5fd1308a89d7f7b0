"""`ftui decide --explain` and `--rules`: the glossary and the decision table on paper."""

from __future__ import annotations

from textwrap import fill

from ftui.errors import EXIT_OK

_COLUMNS = 80


def print_terms(query: str, *, as_json: bool) -> int:
    """Print one term of the glossary, or the list of terms for an empty query. Raises FtuiError for an unknown one."""
    import sys

    from ftui.core.decide.glossary import explain
    from ftui.core.decide.glossary_terms import TERMS

    if not query.strip():
        if as_json:
            _print_json([term.name for term in TERMS])
        else:
            print("\n".join(term.name for term in TERMS))
        return EXIT_OK
    term, exact = explain(query)
    if not exact:
        print(f"Nearest to that: {term.name}.", file=sys.stderr)
    if as_json:
        _print_json(term._asdict())
        return EXIT_OK
    print(f"{term.name}\n{fill(term.short, _COLUMNS)}\n")
    for paragraph in term.more.split("\n"):
        formula = paragraph.startswith(" ")
        print(paragraph if formula else fill(paragraph, _COLUMNS))
    print(f"\n{fill('Source: ' + term.source, _COLUMNS)}")
    return EXIT_OK


def print_rules(*, as_json: bool) -> int:
    """Print the decision table: for each need the rows in order, then what the facts in it mean."""
    from ftui.core.decide.answers import NEEDS
    from ftui.core.decide.facts import FACTS
    from ftui.core.decide.table import COMBINE, ROWS

    if as_json:
        _print_json(
            {
                "rows": [{**row._asdict(), "when": sorted(row.when)} for row in ROWS],
                "combine": [{**line._asdict(), "approaches": sorted(line.approaches)} for line in COMBINE],
                "facts": FACTS,
            }
        )
        return EXIT_OK
    print("For each need the first row whose conditions all hold.\n")
    for need in NEEDS:
        print(need)
        for row in (row for row in ROWS if need in row.needs):
            how = f" / {row.technique}" if row.technique else f" for {row.heads_to}" if row.heads_to else ""
            print(f"  {' + '.join(sorted(row.when)) or 'otherwise':<52} {row.approach}{how}")
        print()
    print("Several needs: the first line whose approaches are all called for.\n")
    for line in COMBINE:
        unless = f" unless {line.unless}" if line.unless else ""
        print(f"  {' + '.join(sorted(line.approaches)) + unless:<52} {line.verdict}")
    print("\nConditions\n")
    for fact, meaning in FACTS.items():
        print(f"  {fact:<20} {meaning}")
    return EXIT_OK


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2, ensure_ascii=False))
