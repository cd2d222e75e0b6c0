"""Options: one table for file and command line; what is wrong is named with its place and its rule."""

import subprocess
import sys
from typing import Any

import pytest

from interim.server.config import Config, load, options
from interim.server.errors import ConfigError
from interim.server.main import main
from interim.server.main import shown as as_shown


def written(tmp_path: Any, text: Any) -> Any:
    path = tmp_path / "interim.toml"
    path.write_text(text)
    return path


def refusal(capsys: Any, *arguments: Any) -> Any:
    """What the command says, on its one line, to wrong use."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.strip().splitlines()[-1]


def test_without_options_the_defaults_hold() -> None:
    """The shipped model, the device found, the two addresses of the documentation."""
    config = load(None, {})
    assert config == Config()
    assert (config.model, config.device) == ("default", "auto")
    assert (config.grpc, config.http) == ("127.0.0.1:8500", "127.0.0.1:8080")


def test_the_command_line_wins_over_the_file_over_the_defaults(tmp_path: Any) -> None:
    """Each says only what it wants to change."""
    path = written(
        tmp_path, 'model = "mine"\nmax-requests = 5\nwarm_sizes = ["256x512"]\nguard_band_ms = 5\n'
    )
    config = load(path, {"model": "other", "drain_s": "2.5"})
    assert (config.model, config.max_requests, config.guard_band_ms) == ("other", 5, 5)
    assert (config.warm_sizes, config.drain_s, config.threads) == (("256x512",), 2.5, 0)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('model = "x"\n\nthreads = -1\n', 3, "threads = -1: must be a whole number from 0 to 1024"),
        ("threads = 1.5\n", 1, "must be a whole number"),
        ("threads = true\n", 1, "must be a whole number"),
        ("drain_s = nan\n", 1, "must be a number from 0"),
        ('# ports\ngrpc = "127.0.0.1"\n', 2, "HOST:PORT"),
        ('http = "a:99999"\n', 1, "HOST:PORT"),
        ("grpc = 8500\n", 1, "HOST:PORT"),
        ('masking = "maybe"\n', 1, "must be on or off"),
        ('device = "tpu"\n', 1, "must be auto, cpu or a GPU"),
        ('mask_rule = "topk=3"\n', 1, "must be card, threshold=T, share=S"),
        ("mask_rule = 0.4\n", 1, "must be card"),
        ('model = ""\n', 1, "not empty"),
        ('warm_sizes = ["big"]\n', 1, "HEIGHTxWIDTH"),
        ('model = "x"\nmax_request = 3\n', 2, "did you mean max_requests"),
        ("[server]\nmodel = 1\n", 1, "no such option"),
        ('model = "x"\nthreads 4\n', 2, "not TOML"),
        ('model = "x', 1, "not TOML"),
    ],
)
def test_a_wrong_line_is_named_with_its_rule(tmp_path: Any, text: Any, line: Any, words: Any) -> None:
    """File, line, the value and what it must be."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as error:
        load(path, {})
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert words in str(error.value)


def test_a_rule_of_masks_needs_masks(capsys: Any) -> None:
    """A wrong one is named with what there is; with masking off there is nothing to choose."""
    assert load(None, {"mask_rule": "share=0.7/0.4"}).mask_rule == "share=0.7/0.4"
    assert refusal(capsys, "--mask-rule", "share=2").startswith(
        "interim-server: --mask-rule share=2: must be card"
    )
    assert "leave one of the two out" in refusal(capsys, "--mask-rule", "entropy=0.1", "--masking", "off")


def test_a_file_that_is_not_there_is_named(tmp_path: Any) -> None:
    """Not a traceback."""
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load(tmp_path / "none.toml", {})
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(path, {})


def test_wrong_use_ends_with_status_2_and_one_sentence(capsys: Any, tmp_path: Any) -> None:
    """On the command line and in the file alike."""
    assert refusal(capsys, "--threads", "many") == (
        "interim-server: --threads many: must be a whole number from 0 to 1024"
    )
    assert "--http nowhere: must be HOST:PORT" in refusal(capsys, "--http", "nowhere")
    assert "unrecognized arguments: --port" in refusal(capsys, "--port", "1")
    assert "drain-s -1: must be a number from 0 to 3600" in refusal(capsys, "--drain-s", "-1")
    assert "at most 2048 pixels" in refusal(capsys, "--warm-sizes", "512x1024,512x4096")
    path = written(tmp_path, "threads = 'x'")
    assert f"{path}:1: threads = 'x': must be" in refusal(capsys, "--config", str(path))


def test_help_names_every_option_with_its_default(capsys: Any) -> None:
    """Nothing can be set that help does not show."""
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for each in options():
        assert f"--{each.name.replace('_', '-')} " in said
        assert f"(default: {as_shown(each.default)})" in said


def test_a_missing_extra_is_one_sentence() -> None:
    """The base install has the command, and it says what to install."""
    code = (
        "import sys; sys.modules['aiohttp'] = None; import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name: None if name == 'aiohttp' else find(name)\n"
        "from interim.server.main import main; main([])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == 'interim-server: the server needs aiohttp: pip install "interim[server]"\n'
