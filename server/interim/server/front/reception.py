"""Where every request comes in, whichever way: read, check, count, open."""

from interim.scheduling.budgets.budget import BudgetRequest
from interim.server.front.images import Limits
from interim.server.front.live import Live, Sink
from interim.server.front.orders import Order, read_order
from interim.server.front.requests import Requests
from interim.v1 import inference_pb2 as pb


class Reception:
    """One for all services; `requests` is the table behind it."""

    def __init__(self, requests: Requests, limits: Limits) -> None:
        self.requests = requests
        self._limits = limits

    def read(
        self, request: pb.InferRequest, arrival_s: float, grpc_deadline_s: float | None
    ) -> tuple[Order, BudgetRequest]:
        """Check a request and what it says of time; instants are of the loop's clock.

        Raises:
            RequestError: it breaks a rule, or no model is known yet.
        """
        order = read_order(request, self.requests.known_model(), self._limits)
        asked = BudgetRequest(
            arrival_s=arrival_s,
            own_s=order.own_budget_s,
            grpc_deadline_s=grpc_deadline_s,
            request_class=order.request_class,
            size=order.picture.working,
        )
        return order, asked

    def open(
        self,
        request: pb.InferRequest,
        arrival_s: float,
        grpc_deadline_s: float | None,
        sink: Sink,
        *,
        eager: bool,
    ) -> Live:
        """Read a request and ask the engine to let it in.

        Raises:
            RequestError: it breaks a rule, or is refused at the door.
        """
        order, asked = self.read(request, arrival_s, grpc_deadline_s)
        return self.requests.open(order, asked, sink, eager=eager)
