"""What `interim.client` offers, and what it costs to import it."""

import os
import subprocess
import sys
from inspect import signature

import interim.client
from interim.client.request import Options, infer_request


def test_every_public_name_is_there_and_documented() -> None:
    """Each name the package offers exists, and says what it is."""
    for name in interim.client.__all__:
        value = getattr(interim.client, name)
        assert not callable(value) or value.__doc__ or name == "ImageSource", name


def test_the_options_are_the_arguments() -> None:
    """What type checkers are told may be asked is what the code takes, with the defaults of the wire."""
    ours = {"image", "request_id", "newest_wins"}
    assert set(Options.__annotations__) == set(signature(infer_request).parameters) - ours


def test_the_import_is_light() -> None:
    """Neither pillow nor anything of the server's is loaded before it is needed."""
    code = "import sys, interim.client; print(*sys.modules)"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=paths
    )
    names = set(loaded.stdout.split())
    assert "interim.client.client" in names
    assert not {name for name in names if name.split(".")[0] in {"torch", "PIL", "aiohttp", "av", "tqdm"}}
    assert not {name for name in names if name.startswith(("interim.server", "interim.scheduling"))}
