# SPDX-License-Identifier: Apache-2.0
"""Bars as data: reads bench/bars.toml and refuses what it does not understand.

A mistake in the file must not look like a bar that holds, so unknown keys, missing keys, wrong
types and contradictions are all BarsError, with the number and the metric of the bar.
"""
import dataclasses
import fnmatch
import math
import shlex
import tomllib

AREAS = ("foundation", "fair", "toolkit", "lab", "pool")
METHODS = ("program", "echo", "http", "pool", "make-run", "agreement")
# Those that have no peer, so that no table shows them.
ALONE = ("make-run", "agreement")
COMPARISONS = ("<=", ">=")
# What a method needs beside the sides that it compares, as [programs] calls it.
HELPERS = {"echo": "load", "pool": "crowd"}


class BarsError(Exception):
    """The file does not say what to measure; the text says where and why."""


@dataclasses.dataclass(frozen=True)
class Program:
    """Something that the build made; `package` is what Debian calls what it needs."""
    path: str
    name: str
    package: str = ""


@dataclasses.dataclass(frozen=True)
class Needs:
    """What the machine must have for a bar to mean anything."""
    cpus: int = 1
    memory_mb: int = 0
    descriptors: int = 0
    commands: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Bar:
    """One promise. `peer` and `floor` are alternatives; with neither, the limit is absolute."""
    area: str
    metric: str
    what: str
    method: str
    ours: str
    comparison: str
    limit: float
    unit: str
    rounds: int
    needs: Needs = Needs()
    peer: str = ""
    floor: str = ""
    also: tuple[str, ...] = ()
    figure: str = "value"
    clients: int = 0
    message_size: int = 0
    seconds: float = 0
    rate: int = 0
    long: bool = False
    reason: str = ""

    @property
    def against(self):
        """The command that `ours` is compared with; empty if none."""
        return self.peer or self.floor

    @property
    def group(self):
        """Bars with the same group are measured together, so that one run serves them all."""
        return (self.method, self.ours, self.clients, self.message_size, self.seconds, self.rate)

    @property
    def row(self):
        """What a table shows of its group: one figure."""
        return (self.group, self.figure)


@dataclasses.dataclass(frozen=True)
class BarsFile:
    programs: dict[str, Program]
    bars: tuple[Bar, ...]


# Key of a bar -> types that it may have.
_KEYS = {
    "area": (str,), "metric": (str,), "what": (str,), "method": (str,), "ours": (str,),
    "comparison": (str,), "limit": (int, float), "unit": (str,), "rounds": (int,),
    "needs": (dict,), "peer": (str,), "floor": (str,), "also": (list,), "figure": (str,),
    "clients": (int,), "message_size": (int,), "seconds": (int, float), "rate": (int,),
    "long": (bool,),
    "reason": (str,),
}
_REQUIRED = ("area", "metric", "what", "method", "ours", "comparison", "limit", "unit", "rounds")
_NEEDS_KEYS = {"cpus": (int,), "memory_mb": (int,), "descriptors": (int,), "commands": (list,)}
_PROGRAM_KEYS = {"path": (str,), "name": (str,), "package": (str,)}
# Method that puts load on a server -> {key that it has: whether it must}.
_LOADS = {"echo": {"clients": True, "message_size": True, "seconds": True, "rate": False},
          "http": {"clients": True, "seconds": True}}


def _check_keys(where, table, keys, required=()):
    for key, value in table.items():
        if key not in keys:
            raise BarsError(f"{where}: unknown key '{key}'; known: {', '.join(sorted(keys))}")
        # bool is an int for Python, but not for the reader of the file.
        if not isinstance(value, keys[key]) or (isinstance(value, bool) and bool not in keys[key]):
            raise BarsError(f"{where}: '{key}' must be {_type_names(keys[key])}, not {value!r}")
    for key in required:
        if key not in table:
            raise BarsError(f"{where}: '{key}' is missing")


def _type_names(types):
    names = {str: "a text", int: "a number", float: "a number", bool: "true or false",
             list: "a list", dict: "a table"}
    return " or ".join(dict.fromkeys(names[each] for each in types))


def _texts(where, key, values):
    if not all(isinstance(each, str) and each for each in values):
        raise BarsError(f"{where}: '{key}' must be a list of texts")
    return tuple(values)


def _one_of(where, key, value, allowed):
    if value not in allowed:
        raise BarsError(f"{where}: '{key}' is '{value}'; it may be {', '.join(allowed)}")


def _needs(where, table):
    _check_keys(f"{where}, needs", table, _NEEDS_KEYS)
    commands = _texts(f"{where}, needs", "commands", table.get("commands", []))
    numbers = {key: value for key, value in table.items() if key != "commands"}
    return Needs(commands=commands, **numbers)


def _check_method(where, bar, programs):
    load = _LOADS.get(bar.method, {})
    for key in _LOADS["echo"]:
        value = getattr(bar, key)
        if value < 0:
            raise BarsError(f"{where}: '{key}' must not be negative")
        if load.get(key) and not value:
            raise BarsError(f"{where}: method {bar.method} needs a positive '{key}'")
        if value and key not in load:
            raise BarsError(f"{where}: '{key}' does not belong to method {bar.method}")
    if bar.method == "make-run":
        if bar.against or bar.also:
            raise BarsError(f"{where}: method make-run has nothing to compare with")
        return
    if bar.method == "agreement" and (bar.against or bar.also):
        raise BarsError(f"{where}: method agreement compares a program with itself")
    for command in (bar.ours, bar.against, *bar.also):
        words = shlex.split(command)
        if words and words[0] not in programs:
            raise BarsError(f"{where}: '{words[0]}' is not in [programs]")
    helper = HELPERS.get(bar.method)
    if helper and helper not in programs:
        raise BarsError(f"{where}: method {bar.method} needs a program '{helper}' in [programs]")


def _bar(number, table, programs):
    where = f"bar {number} ({table.get('metric', 'no metric')})"
    _check_keys(where, table, _KEYS, _REQUIRED)
    _one_of(where, "area", table["area"], AREAS)
    _one_of(where, "method", table["method"], METHODS)
    _one_of(where, "comparison", table["comparison"], COMPARISONS)
    for key in ("metric", "what", "ours", "unit"):
        if not table[key].strip():
            raise BarsError(f"{where}: '{key}' is empty")
    if table.get("peer") and table.get("floor"):
        raise BarsError(f"{where}: 'peer' and 'floor' exclude each other")
    if not math.isfinite(table["limit"]) or table["limit"] < 0:
        raise BarsError(f"{where}: 'limit' must not be negative")
    if table["rounds"] < 1:
        raise BarsError(f"{where}: 'rounds' must be at least 1")
    values = dict(table)
    values["also"] = _texts(where, "also", table.get("also", []))
    values["needs"] = _needs(where, table.get("needs", {}))
    bar = Bar(**values)
    if (bar.unit == "ratio") != bool(bar.against):
        raise BarsError(f"{where}: the unit is \"ratio\" with a peer or floor, and only then")
    _check_method(where, bar, programs)
    return bar


def parse(text):
    """The bars in `text`. Throws BarsError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BarsError(f"not TOML: {error}") from error
    _check_keys("the file", document, {"programs": (dict,), "bar": (list,)}, ("programs", "bar"))
    programs = {}
    for word, table in document["programs"].items():
        if not isinstance(table, dict):
            raise BarsError(f"program {word}: must be a table with path and name")
        _check_keys(f"program {word}", table, _PROGRAM_KEYS, ("path", "name"))
        programs[word] = Program(**table)
    bars = tuple(_bar(i, table, programs) for i, table in enumerate(document["bar"], start=1))
    seen = set()
    for bar in bars:
        key = (bar.area, bar.metric, bar.against)
        if key in seen:
            raise BarsError(f"two bars compare {bar.area} {bar.metric} with '{bar.against}'")
        seen.add(key)
    return BarsFile(programs, bars)


def load(path):
    """The bars in the file at `path`. Throws BarsError, also if it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise BarsError(f"{path}: {error.strerror}") from error
    try:
        return parse(text)
    except BarsError as error:
        raise BarsError(f"{path}: {error}") from error


def matches(bar, pattern):
    """Whether area or metric fits `pattern`: one with * ? [ is matched whole, others anywhere."""
    if any(each in pattern for each in "*?["):
        return any(fnmatch.fnmatchcase(each, pattern) for each in (bar.area, bar.metric))
    return pattern in bar.area or pattern in bar.metric


def select(bars, pattern="", everything=False):
    """(bars to measure, long bars left out). A long bar is measured when asked for by metric."""
    if pattern:
        chosen = [bar for bar in bars if matches(bar, pattern)]
        if not chosen:
            raise BarsError(f"no bar's area or metric fits '{pattern}'")
    else:
        chosen = list(bars)
    def wanted(bar):
        return not bar.long or everything or (pattern and pattern in bar.metric)
    return [b for b in chosen if wanted(b)], [b for b in chosen if not wanted(b)]
