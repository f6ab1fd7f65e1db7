# SPDX-License-Identifier: Apache-2.0
"""From figures to a verdict. Pure functions: no file, no process, no clock."""
import dataclasses
import enum
import math
import statistics


@dataclasses.dataclass(frozen=True)
class Series:
    """What one program measured, round by round. `error` says why there is nothing to compare."""
    values: tuple[float, ...] = ()
    unit: str = ""
    error: str = ""

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def low(self):
        return min(self.values)

    @property
    def high(self):
        return max(self.values)


class State(enum.Enum):
    HOLDS = "holds"
    SHORT = "short"
    SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """`figure` is what was compared with the limit: ratio() of both sides, or our median."""
    bar: object
    state: State
    ours: Series = Series()
    against: Series = Series()
    figure: float | None = None
    reason: str = ""


def ratio(ours, against):
    """The median of the ratios of the rounds; infinite if the other side measured nothing.

    Not the ratio of the medians: on a shared machine a slow minute hits both sides of a round, and
    two medians may fall on either side of it (7 % off, seen at 10,000 connections).
    """
    return statistics.median(mine / theirs if theirs > 0 else math.inf
                             for mine, theirs in zip(ours.values, against.values, strict=True))


def meets(figure, comparison, limit):
    """Whether `figure comparison limit`. What is no number never meets a limit."""
    if not math.isfinite(figure):
        return False
    return figure <= limit if comparison == "<=" else figure >= limit


def judge(bar, ours, against=Series()):
    """The verdict on a bar that was measured.

    If our side failed, the bar is short: a program that crashes promises nothing. If only the
    other side failed, nothing is known, which is not a success either.
    """
    if ours.error or not ours.values:
        return Verdict(bar, State.SHORT, ours, against, reason=ours.error or "nothing measured")
    if not bar.against:
        figure = ours.median
        if ours.unit != bar.unit:
            return Verdict(bar, State.SHORT, ours, against, reason=(
                f"measured in {ours.unit}, but the bar is in {bar.unit}"))
    else:
        if against.error or not against.values:
            return Verdict(bar, State.SKIPPED, ours, against,
                           reason=against.error or "the other side measured nothing")
        if ours.unit != against.unit:
            return Verdict(bar, State.SHORT, ours, against, reason=(
                f"measured in {ours.unit}, the other side in {against.unit}"))
        figure = ratio(ours, against)
    state = State.HOLDS if meets(figure, bar.comparison, bar.limit) else State.SHORT
    return Verdict(bar, state, ours, against, figure,
                   bar.reason if state is State.SHORT else "")


def skipped(bar, reason):
    """The verdict on a bar that this machine cannot measure."""
    return Verdict(bar, State.SKIPPED, reason=reason)


def exit_status(verdicts, left_out=(), allow_skip=False):
    """0: all hold. 1: one is short. 3: none is short, but one was not measured (allow_skip: 0)."""
    states = {each.state for each in verdicts}
    if State.SHORT in states:
        return 1
    if (State.SKIPPED in states or left_out) and not allow_skip:
        return 3
    return 0
