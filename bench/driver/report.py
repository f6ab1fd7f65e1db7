# SPDX-License-Identifier: Apache-2.0
"""What people read: one line per bar, or a table of all programs; and the same as JSON."""
import shlex

from .verdict import State, ratio

SCHEMA_VERSION = 1


def number(value):
    """Three digits that matter: 0.213, 4.87, 56.1, 4266."""
    if value >= 1000:
        return f"{value:.0f}"
    digits = 1 if value >= 100 else 2 if value >= 1 else 3
    return f"{value:.{digits}f}"


def figures(series):
    """"12.3 ns (11.9..14.0)", or "-" if there are none."""
    if not series.values:
        return "-"
    text = f"{number(series.median)} {series.unit}"
    if len(series.values) > 1:
        text += f" ({number(series.low)}..{number(series.high)})"
    return text


def line(verdict, programs):
    """A bar in a line: state, metric, both figures with their spread, ratio and limit."""
    bar = verdict.bar
    parts = [f"{verdict.state.value:<8}{bar.area:<11} {bar.metric:<18}"]
    if verdict.state is State.SKIPPED:
        against = f" against {label(bar.against, programs)}" if bar.against else ""
        return f"{parts[0]} ({verdict.reason}){against}"
    parts.append(f"weft {figures(verdict.ours)}")
    if bar.against:
        parts.append(f"{label(bar.against, programs)} {figures(verdict.against)}")
        limit = f"{bar.comparison} {bar.limit:.2f}"
        if verdict.figure is not None:
            parts.append(f"ratio {verdict.figure:.3f}, must be {limit}")
    else:
        parts.append(f"must be {bar.comparison} {number(bar.limit)} {bar.unit}")
    if verdict.reason:
        parts.append(f"[{verdict.reason}]")
    return "  ".join(parts)


def summary(verdicts, left_out, taken):
    """The last lines: how many hold, what was not measured, and how quiet the machine was."""
    count = {state: sum(each.state is state for each in verdicts) for state in State}
    lines = [f"{count[State.HOLDS]} hold, {count[State.SHORT]} short, "
             f"{count[State.SKIPPED]} skipped"]
    return [*lines, *not_measured(left_out), noise(taken)]


def not_measured(left_out):
    """Which bars were left out, in a line; none if none was."""
    if not left_out:
        return []
    names = ", ".join(dict.fromkeys(bar.metric for bar in left_out))
    return [f"not measured, they take minutes (--all, or ONLY={left_out[0].metric}): {names}"]


def noise(taken):
    """How quiet the machine was, in a line."""
    return (f"others took {taken.foreign_percent:.0f} % of the CPUs, the hypervisor "
            f"{taken.steal_percent:.0f} %"
            + ("" if quiet(taken) else ": a noisy machine, read the spread"))


def quiet(taken):
    return taken.foreign_percent <= 5 and taken.steal_percent <= 2


def table(bars, tables, programs):
    """All programs per metric: median, spread, and how they compare with weft."""
    rows, seen = [("metric", "program", "median", "spread", "weft is")], set()
    for bar in bars:
        if bar.row in seen or bar.row not in tables:
            continue
        seen.add(bar.row)
        ours = tables[bar.row][bar.ours]
        for command, series in tables[bar.row].items():
            rows.append((bar.metric, label(command, programs), *_cells(series, ours)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows]


def _cells(series, ours):
    if not series.values:
        return ("-", series.error, "")
    spread = f"{number(series.low)}..{number(series.high)}"
    part = ""
    if series is not ours and ours.values and series.low > 0:
        part = f"{number(ratio(ours, series))} of it"
    return (f"{number(series.median)} {series.unit}", spread, part)


def label(command, programs):
    """"weft, coroutine" for `weft echo-coroutine`: the program, and the variant of the workload."""
    words = shlex.split(command)
    if words[0] not in programs:
        return command
    _, _, variant = words[1].partition("-") if len(words) > 1 else ("", "", "")
    return programs[words[0]].name + (f", {variant}" if variant else "")


def document(verdicts, left_out, tables, taken, machine_facts):
    """Everything, for build/bars.json."""
    return {
        "schema_version": SCHEMA_VERSION,
        "machine": machine_facts,
        "noise": {"steal_percent": taken.steal_percent,
                  "foreign_percent": taken.foreign_percent, "quiet": quiet(taken)},
        "bars": [_bar_document(each) for each in verdicts],
        "not_measured": [{"area": bar.area, "metric": bar.metric} for bar in left_out],
        "series": [{"method": group[0], "clients": group[2], "command": command, "figure": figure,
                    **_series_document(series)}
                   for (group, figure), commands in tables.items()
                   for command, series in commands.items()],
    }


def _bar_document(verdict):
    bar = verdict.bar
    return {
        "area": bar.area, "metric": bar.metric, "what": bar.what, "state": verdict.state.value,
        "ours": {"command": bar.ours, **_series_document(verdict.ours)},
        "against": ({"command": bar.against, "kind": "peer" if bar.peer else "floor",
                     **_series_document(verdict.against)} if bar.against else None),
        "compared": verdict.figure, "comparison": bar.comparison, "limit": bar.limit,
        "unit": bar.unit, "reason": verdict.reason,
    }


def _series_document(series):
    if not series.values:
        return {"values": [], "error": series.error}
    return {"median": series.median, "min": series.low, "max": series.high,
            "unit": series.unit, "values": list(series.values)}
