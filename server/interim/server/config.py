"""Every option of the server, once: name, default, rule and help; read from a TOML file and a command line.

The command line wins over the file, the file over the defaults. A wrong key or value is refused with the
place where it stands and the rule it breaks.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from interim.model_zoo.mask_choice import CARD
from interim.scheduling import policy as policies
from interim.scheduling.budgets.book import BudgetRules
from interim.server import rules
from interim.server.budgets.tables import budget_rules
from interim.server.errors import ConfigError
from interim.server.rules import Rule

MIB = 1 << 20

LONGEST_SIDE = 2048
"""Room in the arena for a model that names a longer side is not made: its images are scaled to this."""


def _option(default: Any, rule: Rule, about: str) -> Any:
    return field(default=default, metadata={"rule": rule, "about": about})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """How one server runs; values are checked, units are in the names.

    `budget` comes from the file's [budget] tables alone; everything else is an option of the command line too.
    """

    model: str = _option(
        "default", rules.text(), "model to serve: a name from `interim-zoo list`, or a checkpoint"
    )
    device: str = _option(
        "auto", rules.device(), "where it runs; auto: the GPU if there is one, else the CPU"
    )
    execution: str = _option(
        "auto",
        rules.one_of("auto", "native", "reference"),
        "what runs it; auto: compiled kernels where there are any, else torch; with AMX, what is measured quickest",
    )
    dtype: str = _option(
        "auto", rules.one_of("auto", "float32", "bfloat16"), "numbers it computes in; auto: what is fast here"
    )
    threads: int = _option(
        0, rules.whole(0, 1024), "compute threads; 0: one less than there are cores, at least one"
    )
    masking: str = _option("on", rules.one_of("on", "off"), "skip the pixels that are already sure")
    mask_rule: str = _option(
        CARD,
        rules.mask_rule(),
        "which pixels are refined: share=0.4, say (docs/methods.md); card: those below the model's own threshold",
    )
    long_side: int = _option(
        0, rules.whole(0, 16384), "scale images so that the long side is at most this; 0: the model's own"
    )
    warm_sizes: tuple[str, ...] = _option(
        ("512x1024",),
        rules.sizes(),
        "sizes as computed, measured at the start; others are charged 3x at first",
    )
    slice_ms: float = _option(
        0.0,
        rules.number(0, 60_000),
        "the longest that stages may compute before they look whether anybody waits; measured at the start; 0: any",
    )
    grpc: str = _option("127.0.0.1:8500", rules.address(), "where gRPC listens; port 0: any free one")
    http: str = _option(
        "127.0.0.1:8080", rules.address(), "where the status page, /metrics, /healthz and /readyz are"
    )
    policy: str = _option(
        policies.DEFAULT_POLICY,
        rules.one_of(*policies.names(), placeholder="NAME"),
        "what runs next: plan, price, edf, or one listed below",
    )
    urgency: str = _option(
        "auto",
        rules.one_of("auto", "ordinary"),
        "how soon verdicts and timers are served; auto: before other work, by priority if allowed, and short slices",
    )
    default_budget_ms: float = _option(
        1000.0, rules.number(1, 3_600_000), "budget of a request that brings neither budget nor gRPC deadline"
    )
    guard_band_ms: float = _option(
        10.0, rules.number(0, 10_000), "answer this long before a gRPC deadline, so that the client gets it"
    )
    max_requests: int = _option(64, rules.whole(1, 4096), "requests in flight; more are refused at once")
    max_bytes_mib: int = _option(
        256, rules.whole(1, 65536), "images in flight and answers not yet taken, in MiB; more are refused"
    )
    max_message_mib: int = _option(
        64, rules.whole(1, 1024), "largest gRPC message either way, in MiB; none is compressed"
    )
    max_pixels: int = _option(
        50_000_000, rules.whole(1, 16384 * 16384), "largest image before scaling down, in pixels"
    )
    slow_reader_s: float = _option(
        5.0,
        rules.number(0.1, 3600),
        "drop a client that has not taken its answer this long after the deadline",
    )
    drain_s: float = _option(
        10.0, rules.number(0, 3600), "after SIGTERM, wait at most this long for what is in flight"
    )
    log_level: str = _option("info", rules.one_of("debug", "info", "warning", "error"), "least level logged")
    budget: BudgetRules = field(default_factory=BudgetRules)

    @property
    def budgets(self) -> BudgetRules:
        """The budget policies, with the default and the guard band."""
        return replace(self.budget, default_s=self.default_budget_ms / 1e3, guard_s=self.guard_band_ms / 1e3)


def options() -> tuple[Field[Any], ...]:
    """The fields of `Config` that are options of the command line."""
    return tuple(each for each in fields(Config) if "rule" in each.metadata)


def load(path: Path | None, words: Mapping[str, str]) -> Config:
    """The config from a file (None: none) and the options of a command line, as text by name.

    Raises:
        ConfigError: the file cannot be read, or a key or value breaks its rule.
    """
    values = {} if path is None else _from_file(path)
    for name, word in words.items():
        values[name] = _from_word(name, word)
    settled: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
    config = Config(**settled)
    _check_warm_sizes(config)
    _check_masking(config)
    return config


def _check_warm_sizes(config: Config) -> None:
    """Refuse sizes that no image is ever computed at: warming up might take hours."""
    longest = config.long_side or LONGEST_SIDE
    for size in config.warm_sizes:
        if max(map(int, size.split("x"))) > longest:
            raise ConfigError(
                f"warm size {size}: images are scaled to at most {longest} pixels on the long side: name a "
                "smaller size, or a larger --long-side"
            )


def _check_masking(config: Config) -> None:
    """Refuse a rule of masks where there are none."""
    if config.masking == "off" and config.mask_rule != CARD:
        raise ConfigError(
            f"mask rule {config.mask_rule}: masking is off, so every pixel is computed: leave one of the two out"
        )


def rule_of(name: str) -> Rule:
    """The rule of one option."""
    rule: Rule = _RULES[name]
    return rule


def _from_word(name: str, word: str) -> Any:
    rule = rule_of(name)
    option = "--" + name.replace("_", "-")
    try:
        value = rule.read(word)
    except ValueError:
        raise ConfigError(f"{option} {word}: must be {rule.words}") from None
    if not rule.holds(value):
        raise ConfigError(f"{option} {word}: must be {rule.words}")
    return value


def _from_file(path: Path) -> dict[str, Any]:
    try:
        source = path.read_text(encoding="utf-8")
        table = tomllib.loads(source)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): give a TOML file") from error
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text: give a TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax(path, source, str(error))) from None
    budget = table.pop("budget", None)
    values = {_checked_name(path, source, key, value): value for key, value in table.items()}
    if budget is not None:
        values["budget"] = budget_rules(str(path), source, budget)
    return values


def _checked_name(path: Path, source: str, key: str, value: Any) -> str:
    name = key.replace("-", "_")
    place = f"{path}:{_line(source, key)}"
    if name not in _RULES:
        near = difflib.get_close_matches(name, _RULES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_RULES)}, [budget]"
        raise ConfigError(f"{place}: {key}: no such option; {hint}")
    rule = rule_of(name)
    if not rule.holds(value):
        raise ConfigError(f"{place}: {key} = {value!r}: must be {rule.words}")
    return name


def _line(source: str, key: str) -> int:
    """The line a key stands on: tomllib does not tell, and our files are flat."""
    pattern = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(key)}[\"']?\s*([=.\]]|$)")
    for number, line in enumerate(source.splitlines(), 1):
        if pattern.match(line):
            return number
    return 1


def _syntax(path: Path, source: str, message: str) -> str:
    where = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)", message)
    line = where[1] if where and where[1] else max(len(source.splitlines()), 1)
    rule = message[: where.start()] if where else message
    return f"{path}:{line}: not TOML: {rule[0].lower()}{rule[1:]}"


_RULES = {each.name: each.metadata["rule"] for each in options()}
