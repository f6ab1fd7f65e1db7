# SPDX-License-Identifier: Apache-2.0
"""Whether `weft measure` says the same twice: two runs with different orders, then `weft compare`."""
import os
import tempfile

from . import process

# A full run takes three minutes on a quiet machine.
TIMEOUT = 1200


def measure(command):
    """{"value": percent of the points whose intervals meet, "points": how many there are}."""
    with tempfile.TemporaryDirectory(prefix="weft-agreement-") as folder:
        paths = [os.path.join(folder, name) for name in ("a.json", "b.json")]
        for seed, path in enumerate(paths, start=1):
            process.run([*command, "--seed", str(seed), "--json", path], TIMEOUT)
        return figures(process.run_for_json([command[0], "compare", *paths, "--json", "-"],
                                            TIMEOUT))


def figures(comparison):
    """From the JSON of `weft compare`."""
    try:
        lost = comparison["only_first"] + comparison["only_second"]
        # Those with names say whether something is so: no figure that could be a little off.
        points = [point for point in comparison["points"] if not point["named"]]
        same = sum(not point["differs"] for point in points)
    except (TypeError, KeyError) as error:
        raise process.ProgramError(f"weft compare: no point that one understands: {error}"
                                   ) from error
    if lost or not points:
        raise process.ProgramError(f"weft compare: only one run has {', '.join(lost) or 'anything'}")
    return {"value": 100 * same / len(points), "points": len(points), "unit": "%"}
