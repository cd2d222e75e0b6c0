"""Which targets are this machine, and nothing else."""

import pytest

from interim.loadtest.loopback import is_loopback


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:8500",
        "127.8.9.1:1",
        "localhost:8500",
        "[::1]:8500",
        "ipv4:127.0.0.1:8500",
        "unix:/tmp/s",
        "dns:///localhost:1",
    ],
)
def test_loopback_targets(target: str) -> None:
    """Loopback addresses, localhost and unix sockets are this machine."""
    assert is_loopback(target)


@pytest.mark.parametrize(
    "target",
    ["10.0.0.1:8500", "example.org:8500", "0.0.0.0:8500", "localhost.example.org:1", "[2001:db8::1]:1", ""],
)
def test_other_targets(target: str) -> None:
    """Everything else may be another machine."""
    assert not is_loopback(target)
