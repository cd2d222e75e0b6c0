"""The client of Interim: send an image and a budget, iterate over masks (or joints) that get better.

    from interim.client import Client

    with Client("127.0.0.1:8500") as client:
        for refinement in client.infer("street.jpg", budget_ms=80):
            print(refinement.exit, refinement.elapsed_ms, refinement.active_share, refinement.reason)
        mask = refinement.mask  # (H, W) class ids

It needs grpcio, protobuf, numpy, pillow and zstandard; never torch.
"""

from interim.client import errors
from interim.client.async_client import AsyncClient
from interim.client.budget import BudgetCap, BudgetPolicy, BudgetState
from interim.client.catalogue import Exit, LabelClass, Model
from interim.client.client import DEFAULT_TARGET, Client
from interim.client.errors import (
    BadRequest,
    ClientClosed,
    ConnectionLost,
    DeadlineExceeded,
    InterimError,
    InvalidArgument,
    NoExit,
    PermissionDenied,
    ProtocolError,
    Refused,
    ServerFailed,
    SlowReader,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnknownModel,
    UnreadableImage,
)
from interim.client.joint import Joint
from interim.client.refinement import Reason, Refinement
from interim.client.request import ImageSource, Options
from interim.client.session import AsyncSession, Session
from interim.client.status import StageCost, Status, Worker
from interim.client.stream import AsyncRefinementStream, RefinementStream
from interim.client.transcript import Rejection, Revision

__all__ = [
    "DEFAULT_TARGET",
    "AsyncClient",
    "AsyncRefinementStream",
    "AsyncSession",
    "BadRequest",
    "BudgetCap",
    "BudgetPolicy",
    "BudgetState",
    "Client",
    "ClientClosed",
    "ConnectionLost",
    "DeadlineExceeded",
    "Exit",
    "ImageSource",
    "InterimError",
    "InvalidArgument",
    "Joint",
    "LabelClass",
    "Model",
    "NoExit",
    "Options",
    "PermissionDenied",
    "ProtocolError",
    "Reason",
    "Refinement",
    "RefinementStream",
    "Refused",
    "Rejection",
    "Revision",
    "ServerFailed",
    "Session",
    "SlowReader",
    "StageCost",
    "Status",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
    "UnknownModel",
    "UnreadableImage",
    "Worker",
    "errors",
]
