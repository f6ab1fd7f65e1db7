// SPDX-License-Identifier: Apache-2.0
//
// Draws what the report's data say (report_charts.h); computes no figure itself.
"use strict";

(() => {
    const data = JSON.parse(document.getElementById("data").textContent);
    const { tone, texts, axis } = weft;

    const toneOf = (series, model) =>
        series.tone === "model" ? tone(model)
        : series.tone === "model-light" ? tone(model + "-light")
        : tone(series.tone);

    // Beside each bar its figure, over it the range of the repeats; a bar that goes on beyond the
    // axis is broken.
    const figures = (chart) => ({
        id: "figures",
        afterDatasetsDraw(canvas) {
            const { ctx, chartArea: area, scales: { x, y } } = canvas;
            ctx.save();
            ctx.font = "600 12px system-ui, sans-serif";
            ctx.textBaseline = "middle";
            chart.rows.forEach((row, index) => {
                const middle = y.getPixelForValue(index);
                const end = Math.min(x.getPixelForValue(row.total), area.right);
                ctx.strokeStyle = tone("ink");
                if (row.max > row.min) {
                    ctx.beginPath();
                    ctx.moveTo(Math.min(x.getPixelForValue(row.min), area.right), middle);
                    ctx.lineTo(Math.min(x.getPixelForValue(row.max), area.right), middle);
                    ctx.stroke();
                }
                if (chart.axisEnd > 0 && row.total > chart.axisEnd) {
                    ctx.strokeStyle = tone("panel");
                    ctx.lineWidth = 4;
                    ctx.beginPath();
                    ctx.moveTo(end - 16, middle + 14);
                    ctx.lineTo(end - 8, middle - 14);
                    ctx.stroke();
                    ctx.lineWidth = 1;
                }
                ctx.fillStyle = tone("ink");
                const right = row.max > row.min
                    ? Math.max(end, Math.min(x.getPixelForValue(row.max), area.right)) : end;
                ctx.fillText(row.text, right + 6, middle);
            });
            ctx.restore();
        },
    });

    // Bytes are read in powers of two, so the axis counts in them too.
    const stepOf = (chart) => {
        const longest = chart.axisEnd > 0 ? chart.axisEnd
            : Math.max(...chart.rows.map((row) => row.total));
        return chart.unit === "bytes" ? 2 ** Math.ceil(Math.log2(longest / 4)) : undefined;
    };

    const bars = (chart) => ({
        type: "bar",
        plugins: [figures(chart)],
        data: {
            labels: chart.rows.map((row) => row.model),
            datasets: chart.series.map((series) => ({
                label: series.label,
                data: series.values,
                backgroundColor: chart.rows.map((row) => toneOf(series, row.model)),
                barPercentage: 0.85,
                categoryPercentage: 0.8,
            })),
        },
        options: {
            indexAxis: "y",
            layout: { padding: { right: 72 } },
            scales: {
                x: axis({
                    stacked: true,
                    beginAtZero: true,
                    max: chart.axisEnd > 0 ? chart.axisEnd : undefined,
                    ticks: {
                        maxTicksLimit: 6,
                        stepSize: stepOf(chart),
                        autoSkip: false,
                        callback: (value) => chart.axisEnd > 0 && value === chart.axisEnd
                            ? "" : texts[chart.unit](value),
                    },
                }),
                y: axis({ stacked: true, grid: { display: false }, ticks: { color: tone("ink") } }),
            },
            plugins: {
                tooltip: {
                    callbacks: {
                        label: (item) => item.dataset.label + ": " + texts[chart.unit](item.raw),
                    },
                },
            },
        },
    });

    // The share of requests on a scale in which each further nine takes the same room.
    const place = (fraction) => -Math.log10(1 - fraction);
    const nines = [[0.5, "50 %"], [0.9, "90 %"], [0.99, "99 %"], [0.999, "99.9 %"],
        [0.9999, "99.99 %"], [0.99999, "99.999 %"]];

    // The faster half of the requests would take half of the picture.
    const first = 0.25;

    const percentiles = (chart) => ({
        type: "line",
        data: {
            datasets: chart.curves.map((curve) => ({
                label: curve.model,
                data: curve.points.filter(([fraction]) => place(fraction) >= first)
                    .map(([fraction, us]) => ({ x: place(fraction), y: us })),
                borderColor: tone(curve.model),
                backgroundColor: tone(curve.model),
                borderWidth: 2,
                pointRadius: 0,
                pointHitRadius: 8,
                tension: 0,
            })),
        },
        options: {
            scales: {
                x: axis({
                    type: "linear",
                    min: first,
                    afterBuildTicks: (scale) => {
                        scale.ticks = nines.map(([fraction]) => ({ value: place(fraction) }))
                            .filter((tick) => tick.value <= scale.max + 1e-9);
                    },
                    ticks: {
                        autoSkip: false,
                        callback: (value) => nines.find(
                            ([fraction]) => Math.abs(place(fraction) - value) < 1e-6)?.[1] ?? "",
                    },
                }),
                y: axis({
                    type: "logarithmic",
                    ticks: {
                        maxTicksLimit: 8,
                        callback: (value) =>
                            Math.abs(Math.log10(value) % 1) < 1e-6 ? texts.microseconds(value) : "",
                    },
                }),
            },
            plugins: {
                tooltip: {
                    mode: "nearest",
                    callbacks: {
                        title: (items) => (100 - 100 * 10 ** -items[0].parsed.x).toPrecision(5) +
                            " % of requests",
                        label: (item) =>
                            item.dataset.label + ": " + texts.microseconds(item.parsed.y),
                    },
                },
            },
        },
    });

    weft.charts(data, (chart) => (chart.kind === "bars" ? 56 + 44 * chart.rows.length : 280),
        (chart) => (chart.kind === "bars" ? bars(chart) : percentiles(chart)));
})();
