// SPDX-License-Identifier: Apache-2.0
//
// What the scripts of all reports have in common; each follows it.
"use strict";

const weft = (() => {
    /// A colour of the styles, as it is now: light or dark.
    const tone = (name) =>
        getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

    const scaled = (value, step, names) => {
        let at = 0;
        while (at + 1 < names.length && Math.abs(value) >= step) {
            value /= step;
            at += 1;
        }
        return Number(value.toPrecision(3)) + " " + names[at];
    };

    /// A figure of a unit, as people read it.
    const texts = {
        bytes: (value) => scaled(value, 1024, ["B", "KiB", "MiB", "GiB"]),
        per_second: (value) => scaled(value, 1000, ["/s", "k/s", "M/s"]),
        microseconds: (value) => texts.nanoseconds(value * 1000),
        nanoseconds: (value) => scaled(value, 1000, ["ns", "\u00b5s", "ms", "s"]),
        plain: (value) => String(Number(value.toPrecision(3))),
    };

    /// Of a chart, in the colours of the page.
    const axis = (extra) => ({
        grid: { color: tone("line"), borderColor: tone("line") },
        ...extra,
        ticks: { color: tone("soft"), maxRotation: 0, ...(extra.ticks || {}) },
    });

    /// Of all charts.
    const options = {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
    };

    /// Draws now, and again when the reader's colours change.
    const draw = (all) => {
        all();
        window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
    };

    /// Draws each of `all` on its canvas, as `configOf` says, `heightOf` pixels high.
    const charts = (all, heightOf, configOf) => {
        const drawn = [];
        draw(() => {
            while (drawn.length > 0) {
                drawn.pop().destroy();
            }
            for (const chart of all) {
                const canvas = document.getElementById("chart-" + chart.id);
                canvas.parentElement.style.height = heightOf(chart) + "px";
                const config = configOf(chart);
                Object.assign(config.options, options);
                config.options.plugins.legend = { display: false };
                drawn.push(new Chart(canvas, config));
            }
        });
    };

    return { tone, texts, axis, charts };
})();
