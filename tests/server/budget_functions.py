"""Budget functions that do what a test says; engines' fronts load them as `tests.server.budget_functions:hang`."""

import os
import time

from interim.server.budgets.facts import Facts


def by_class(facts: Facts) -> float | None:
    """Batch gets 150 ms, a request with no class whatever it has; other names are commands."""
    match facts.request_class:
        case "":
            return None
        case "batch":
            return 150.0
        case "raise":
            raise RuntimeError("it says so")
        case "nonsense":
            return float("nan")
        case "endless":
            return 10**400
        case "die":
            os._exit(3)
        case "print":
            print("hello")
            return facts.budget_ms / 2
        case _:
            time.sleep(3600)
    return None


not_callable = 5
