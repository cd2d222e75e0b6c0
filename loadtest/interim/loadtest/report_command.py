"""`interim-load report` and `interim-load compare`: runs as pages, and side by side."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from interim.client.commands.arguments import add_json
from interim.client.commands.output import text_stream
from interim.client.commands.places import output_file
from interim.loadtest.comparison import Comparison
from interim.loadtest.entries import ScenarioError, reason
from interim.loadtest.page.report import compare_page, report_page
from interim.loadtest.run_file import read_run


def add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands `report` and `compare` to those of `interim-load`."""
    report = commands.add_parser(
        "report",
        help="a run as one HTML page that needs nothing else",
        description="Draw a run as one HTML page that needs nothing else.",
        epilog="example: interim-load run --scenario steady --json run.json && interim-load report run.json",
    )
    report.add_argument(
        "run", metavar="RUN.json", type=Path, help="what `interim-load run --json FILE` wrote"
    )
    report.add_argument("-o", "--output", metavar="FILE", type=_page, help="the page (default: RUN.html)")
    report.set_defaults(command=_report)
    compare = commands.add_parser(
        "compare",
        help="several runs side by side",
        description="Put several runs side by side.",
        epilog="example: interim-load compare measured.json simulated.json --html both.html",
    )
    compare.add_argument(
        "runs", metavar="RUN.json", type=Path, nargs="+", help="the others are compared with the first"
    )
    add_json(compare, "the figures")
    compare.add_argument("--html", metavar="FILE", type=_page, help="write a page with their plots")
    compare.add_argument(
        "--agree",
        action="store_true",
        help="end with status 1 unless the others lie within 2 points of mean utility and 0.5 of attainment",
    )
    compare.set_defaults(command=_compare)


def _page(text: str) -> str:
    """A file for a page."""
    if text == "-":
        raise argparse.ArgumentTypeError("a page goes into a file: name one")
    return output_file(text)


def _report(options: argparse.Namespace) -> int:
    output = Path(options.output) if options.output else options.run.with_suffix(".html")
    _write(output, report_page(read_run(options.run)))
    print(output)
    return 0


def _compare(options: argparse.Namespace) -> int:
    if len({str(path) for path in options.runs}) < max(len(options.runs), 2):
        raise ScenarioError("There is nothing to compare: name at least two different runs.")
    names = _names(options.runs)
    runs = {name: read_run(path) for name, path in zip(names, options.runs, strict=True)}
    comparison = Comparison(runs=runs)
    if options.html:
        _write(Path(options.html), compare_page(comparison))
    checks = comparison.agreement() if options.agree else ()
    judged = {"agreement": [{**asdict(check), "holds": check.holds} for check in checks]} if checks else {}
    facts = json.dumps({**comparison.as_json(), **judged}, indent=2)
    if options.json == "-":
        print(facts)
    else:
        if options.json:  # first: a reader of the table may be gone
            _write(Path(options.json), facts + "\n")
        print(comparison.as_table())
    for check in checks:
        print(check.as_line(), file=text_stream(options))
    return 0 if all(check.holds for check in checks) else 1


def _names(paths: list[Path]) -> list[str]:
    """Short names: the files' own, or their paths where two have the same."""
    stems = [path.stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ScenarioError(f"{path} cannot be written ({reason(error)}).") from error
