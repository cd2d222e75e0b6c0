"""The status page: what a person wants to know at a glance, as one plain HTML document."""

from html import escape
from itertools import accumulate

from interim.server.front.budget_state import budget_state
from interim.server.front.served import trial_budget_ms, trial_command
from interim.server.front.state import State
from interim.server.telemetry.metrics import Counted
from interim.v1 import control_pb2

_HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5">
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath
 fill='%231f6fb2' d='M1 10h3v5H1zM6.5 6h3v9h-3zM12 1h3v14h-3z'/%3E%3C/svg%3E">
<title>Interim</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --quiet: #666; --good: #1a7f37; --bad: #c22 }
  @media (prefers-color-scheme: dark) { :root { --quiet: #999; --good: #4cc26a; --bad: #ff7b6b } }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2.5rem auto; padding: 0 1rem;
    overflow-wrap: break-word }
  h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .4rem }
  p { margin: .3rem 0 } .quiet { color: var(--quiet) } .good { color: var(--good) } .bad { color: var(--bad) }
  table { border-collapse: collapse; width: 100%; margin: .6rem 0; font-variant-numeric: tabular-nums }
  th, td { text-align: right; vertical-align: bottom; padding: .3rem 0 .3rem .6rem;
    border-bottom: 1px solid var(--line) }
  th { font-weight: 600 } th:first-child, td:first-child { text-align: left; padding-left: 0; min-width: 3.5rem;
    overflow-wrap: anywhere }
  pre { padding: .7rem; border: 1px solid var(--line); font: .9em/1.5 ui-monospace, monospace; overflow-x: auto;
    white-space: normal } pre span { white-space: nowrap }
</style>
"""


def page(state: State, grpc_address: str) -> str:
    """The page as of now; it asks for itself again every five seconds."""
    status, why_not, model = state.status(), state.why_not_ready, state.requests.model
    mood = (
        f'<span class="bad">not ready: {escape(why_not)}</span>'
        if why_not
        else '<span class="good">ready</span>'
    )
    metrics = state.requests.means.metrics
    workers = "".join(_worker(worker, metrics.counted(worker.model)) for worker in status.workers)
    return f"""{_HEAD}
<h1>Interim</h1>
<p>{mood} · up {_duration(status.uptime_s)} · {status.in_flight} in flight
<span class="quiet">· version {escape(status.version)}</span></p>
{_budgets(state)}{workers}
<h2>Try it</h2>
<pre><span>{trial_command(model.task if model else "")}</span> <span>--server {escape(grpc_address)}</span>{_budget(status)}</pre>
<p class="quiet"><a href="/metrics">metrics</a> · <a href="/healthz">healthz</a> ·
<a href="/readyz">readyz</a> · gRPC on {escape(grpc_address)}</p>
</html>
"""


def _budget(status: control_pb2.StatusResponse) -> str:
    """The budget to try; none where nothing is measured yet."""
    total_ms = sum(stage.mean_ms for worker in status.workers[:1] for stage in worker.stages)
    return f" <span>--budget-ms {trial_budget_ms(total_ms):.0f}</span>" if total_ms else ""


def _budgets(state: State) -> str:
    """What shortens budgets just now, where something does."""
    budget = budget_state(state.requests)
    held = [
        f"at most {cap.at_most_ms:g} ms for {escape(cap.request_class) or 'every request'}"
        f"{_dry(budget, cap)}, {_duration(cap.remaining_s)} more"
        for cap in budget.caps
    ]
    for each in budget.policies:
        if each.active and each.name == "load":
            held.append(f"the load leaves {budget.load_share:.0%}{_dry(budget, each)}")
        elif each.active and each.name.startswith("clock:"):
            held.append(f"{escape(each.name)}{_dry(budget, each)}")
    return f'<p>Budgets <span class="quiet">· {" · ".join(held)}</span></p>\n' if held else ""


def _dry(budget: control_pb2.BudgetState, part: control_pb2.BudgetCap | control_pb2.BudgetPolicy) -> str:
    return " (dry run)" if budget.dry_run or part.dry_run else ""


def _worker(worker: control_pb2.Worker, counted: Counted) -> str:
    totals = accumulate(stage.mean_ms for stage in worker.stages)
    rows = "".join(
        f"<tr><td>{escape(stage.exit)}<td>{stage.mean_ms:.1f}<td>{stage.p99_ms:.1f}<td>{total:.1f}<td>{answers:,}\n"
        for stage, total, answers in zip(worker.stages, totals, counted.by_exit[1:], strict=True)
    )
    task = f"{worker.task}: {', '.join(worker.classes)}"
    up = "" if worker.up else ' <span class="bad">(down)</span>'
    return f"""<h2>Model {escape(worker.model)}{up}</h2>
<p class="quiet">{escape(task)}<br>
{escape(worker.device)} · {escape(worker.dtype)} · {escape(worker.execution)} ·
{_number(worker.threads, "thread")} · masking {"on" if worker.masking else "off"} · {_number(worker.restarts, "restart")}</p>
<p>{_became(counted)}</p>
<table>
<tr><th>exit<th>stage, ms<th>p99, ms<th>in all, ms<th>answers
{rows}</table>
<p class="quiet">Times are means and a 99th percentile, on {worker.height} &times; {worker.width} pixels (height
&times; width) with every pixel refined. Answers are counted by the deepest exit they had.</p>
"""


def _became(counted: Counted) -> str:
    """What became of requests since the start; what went wrong only where it did."""
    none = counted.by_exit[0] if counted.by_exit else 0
    said = [
        f"{_number(sum(counted.by_exit), 'request')} answered",
        *([f'<span class="bad">{none:,} without an exit</span>'] if none else []),
        f'<span class="bad">{counted.late:,} late</span>' if counted.late else "0 late",
        f"{counted.refused:,} refused",
    ]
    return " · ".join(said)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
