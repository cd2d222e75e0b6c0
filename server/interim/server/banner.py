"""What a person reads when the server is up."""

from itertools import accumulate

from interim.server.front.served import POSE, ServedModel, trial_budget_ms, trial_command
from interim.server.version import version


def banner(model: ServedModel, *, grpc: str, http: str) -> str:
    """A few lines: the model, where it runs, what its exits cost, the addresses, a command to try."""
    ready = model.ready
    threads = f"{ready.threads} thread{'' if ready.threads == 1 else 's'}"
    masking = f"masking {'on' if ready.masking else 'off'}"
    totals = accumulate(cost.mean_s * 1e3 for cost in ready.costs)
    costs = ", ".join(f"{number} after {total:.1f} ms" for number, total in enumerate(totals, 1))
    kinds = f"{len(model.class_names)} {'joints' if model.task == POSE else 'classes'}"
    lines = (
        f"interim-server {version()}",
        f"  model    {model.name}: {model.task}, {kinds}, {model.exits} exits",
        f"  device   {ready.device}, {ready.dtype}, {threads}, {ready.execution} execution, {masking}",
        *([f"  note     {ready.note}"] if ready.note else []),
        f"  exits    {costs} (measured on {ready.height} x {ready.width} pixels)",
        f"  gRPC     {grpc}",
        f"  HTTP     http://{http} (status page, /metrics, /healthz, /readyz)",
        f"  try      {trial_command(model.task)} --server {grpc} --budget-ms {_budget_ms(model):.0f}",
    )
    return "\n".join(lines)


def _budget_ms(model: ServedModel) -> float:
    return trial_budget_ms(sum(cost.mean_s for cost in model.ready.costs) * 1e3)
