"""`interim budget show|set|clear`: what governs budgets on a server, and a cap on them for a while."""

import argparse
import dataclasses
import re
from typing import Any

from interim.client.budget import BudgetCap, BudgetState
from interim.client.client import Client
from interim.client.commands.arguments import add_json, add_server, positive
from interim.client.commands.output import number, table, text_stream, write_json

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 7 * 86400.0  # a server takes no longer one
_EXAMPLES = """\
examples:
  interim budget show
  interim budget set 100 --for 10m --why "launch day"    nobody gets more than 100 ms, for ten minutes
  interim budget set 50 --for 1h --class batch           only requests of the class batch
  interim budget clear

docs/budgets.md says what else governs budgets.
"""


def add(commands: Any) -> None:
    """Adds the command."""
    parser = commands.add_parser(
        "budget",
        help="show how budgets are governed; cap them for a while",
        description="Show how budgets are governed on a server; cap them for a while.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    show = _action(actions, "show", "show the policies and caps of a server")
    show.set_defaults(run=_show)
    cap = _action(actions, "set", "let no budget be longer than this for a while, in flight or to come")
    cap.add_argument(
        "at_most_ms", metavar="MS", type=positive, help="the longest budget, in milliseconds from arrival"
    )
    cap.add_argument(
        "--for",
        dest="ttl_s",
        type=duration,
        required=True,
        metavar="TIME",
        help="how long the cap stands: 90s, 10m, 2h, 1d; at most 7d",
    )
    cap.add_argument(
        "--class",
        dest="request_class",
        default="",
        metavar="NAME",
        help="only for requests of this class (default: for all)",
    )
    cap.add_argument(
        "--why", default="", metavar="TEXT", help="a reason, for the server's log and `interim budget show`"
    )
    cap.add_argument("--dry-run", action="store_true", help="only report what it would have done")
    cap.set_defaults(run=_set)
    clear = _action(actions, "clear", "take caps away before their time")
    clear.add_argument(
        "--class",
        dest="request_class",
        metavar="NAME",
        help='only that of this class ("": the one for every request; default: all)',
    )
    clear.set_defaults(run=_clear)
    for action in (show, cap, clear):
        add_server(action)
        add_json(action)


def _action(actions: Any, name: str, says: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=says, description=f"{says[0].upper()}{says[1:]}."
    )
    return parser


def duration(text: str) -> float:
    """A length of time with its unit, in seconds; at most a week."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if match is None or not float(match[1]):
        raise argparse.ArgumentTypeError(f"{text} is not a length of time such as 90s, 10m, 2h or 1d")
    seconds = float(match[1]) * _UNITS[match[2]]
    if seconds > _LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text} is too long: a cap stands for at most 7d")
    return seconds


def _show(args: argparse.Namespace) -> int:
    with Client(args.server) as client:
        state = client.budget()
    print(_described(args.server, state), file=text_stream(args))
    write_json(args, dataclasses.asdict(state))
    return 0


def _set(args: argparse.Namespace) -> int:
    with Client(args.server) as client:
        state = client.set_budget_cap(
            args.at_most_ms,
            ttl_s=args.ttl_s,
            request_class=args.request_class,
            why=args.why,
            dry_run=args.dry_run,
        )
    write_json(args, dataclasses.asdict(state))
    cap = next((each for each in state.caps if each.request_class == args.request_class), None)
    said = _sentence(cap) if cap else "the cap was set, and is over already"
    print(f"{said}; {state.moved} of {state.in_flight} in flight moved", file=text_stream(args))
    return 0


def _clear(args: argparse.Namespace) -> int:
    with Client(args.server) as client:
        state = client.clear_budget_cap(args.request_class)
    caps = f"{state.cleared} cap{'' if state.cleared == 1 else 's'}" if state.cleared else "no cap was set"
    print(f"cleared: {caps}; {state.moved} of {state.in_flight} in flight moved", file=text_stream(args))
    write_json(args, dataclasses.asdict(state))
    return 0


def _described(server: str, state: BudgetState) -> str:
    load = f"{state.in_flight} in flight with {state.queue_ms:.0f} ms of work"
    lines = [f"{server}: {load}, {state.default_ms:g} ms for a request that names no budget"]
    if state.dry_run:
        lines.append("  a dry run: policies only report")
    if state.load_share is not None:
        lines.append(f"  the load leaves budgets {state.load_share:.0%}")
    rows = [
        (each.name, "now" if each.active else "-", "dry run" if each.dry_run else "", each.says)
        for each in state.policies
    ]
    lines.append(table(("policy", "active", "", "says"), rows) if rows else "  no policies are configured")
    caps = [
        (
            each.request_class or "everybody",
            number(each.at_most_ms),
            _left(each.remaining_s),
            each.set_by,
            each.why,
        )
        for each in state.caps
    ]
    lines.append(table(("cap for", "ms", "ends in", "set by", "why"), caps) if caps else "  no caps are set")
    return "\n".join(lines)


def _sentence(cap: BudgetCap) -> str:
    whose = f"requests of class {cap.request_class}" if cap.request_class else "every request"
    trial = " (a dry run)" if cap.dry_run else ""
    return f"at most {cap.at_most_ms:g} ms for {whose}{trial}, for {_left(cap.remaining_s)}"


def _left(seconds: float) -> str:
    """A length of time as people read it."""
    whole = round(seconds)
    for name, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if whole >= 2 * length:
            return f"{whole / length:.0f} {name}"
    return f"{whole} s"
