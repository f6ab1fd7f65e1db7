// SPDX-License-Identifier: Apache-2.0
//
// Draws what the report's data say (measure/report_charts.h); computes no figure itself.
"use strict";

(() => {
    const data = JSON.parse(document.getElementById("data").textContent);
    const { tone, texts, axis } = weft;

    // A tick at each power of ten, of bytes at each of sixteen.
    const powers = (unit) => ({
        autoSkip: false,
        callback: (value) => {
            const power = unit === "bytes" ? Math.log2(value) / 4 : Math.log10(value);
            return Math.abs(power - Math.round(power)) < 1e-6 ? texts[unit](value) : "";
        },
    });

    const binary = (scale) => {
        scale.ticks = [];
        for (let power = Math.ceil(Math.log2(scale.min) / 4) * 4; 2 ** power <= scale.max;
            power += 4) {
            scale.ticks.push({ value: 2 ** power });
        }
    };

    const logarithmic = (unit, extra = {}) => axis({
        type: "logarithmic",
        ...(unit === "bytes" ? { afterBuildTicks: binary } : {}),
        ...extra,
        ticks: powers(unit),
    });

    // Beside each bar its figure, over its end the interval.
    const figures = (chart) => ({
        id: "figures",
        afterDatasetsDraw(canvas) {
            const { ctx, chartArea: area, scales: { x, y } } = canvas;
            ctx.save();
            ctx.font = "600 12px system-ui, sans-serif";
            ctx.textBaseline = "middle";
            ctx.fillStyle = tone("ink");
            ctx.strokeStyle = tone("ink");
            chart.rows.forEach((row, index) => {
                const middle = y.getPixelForValue(index);
                const low = Math.max(x.getPixelForValue(Math.max(row.low, x.min)), area.left);
                const high = Math.min(x.getPixelForValue(row.high), area.right);
                ctx.beginPath();
                ctx.moveTo(low, middle);
                ctx.lineTo(high, middle);
                ctx.stroke();
                ctx.fillText(row.text, Math.max(high, x.getPixelForValue(row.value)) + 6, middle);
            });
            ctx.restore();
        },
    });

    const ladder = (chart) => ({
        type: "bar",
        plugins: [figures(chart)],
        data: {
            labels: chart.rows.map((row) => row.label),
            datasets: [{
                data: chart.rows.map((row) => row.value),
                backgroundColor: chart.rows.map((row) => tone(row.tone)),
                barPercentage: 0.8,
                categoryPercentage: 0.85,
            }],
        },
        options: {
            indexAxis: "y",
            layout: { padding: { right: 84 } },
            scales: {
                x: logarithmic(chart.unit, {
                    min: Math.min(...chart.rows.map((row) => row.value)) / 4,
                }),
                y: axis({ grid: { display: false }, ticks: { color: tone("ink"), autoSkip: false } }),
            },
            plugins: {
                tooltip: { callbacks: { label: (item) => chart.rows[item.dataIndex].text } },
            },
        },
    });

    // A line from the low to the high end of each interval.
    const intervals = (chart) => ({
        id: "intervals",
        beforeDatasetsDraw(canvas) {
            const { ctx, scales: { x, y } } = canvas;
            ctx.save();
            for (const curve of chart.curves) {
                ctx.strokeStyle = tone(curve.tone);
                for (const [at, , low, high] of curve.places) {
                    ctx.beginPath();
                    ctx.moveTo(x.getPixelForValue(at), y.getPixelForValue(Math.max(low, y.min)));
                    ctx.lineTo(x.getPixelForValue(at), y.getPixelForValue(Math.min(high, y.max)));
                    ctx.stroke();
                }
            }
            ctx.restore();
        },
    });

    const curves = (chart) => ({
        type: "line",
        plugins: [intervals(chart)],
        data: {
            datasets: chart.curves.map((curve) => ({
                label: curve.label,
                data: curve.places.map(([x, y]) => ({ x, y })),
                borderColor: tone(curve.tone),
                backgroundColor: tone(curve.tone),
                borderWidth: 2,
                pointRadius: 3,
                tension: 0,
            })),
        },
        options: {
            scales: {
                x: logarithmic(chart.axisUnit, {
                    title: { display: true, text: chart.axis, color: tone("soft") },
                }),
                y: logarithmic(chart.unit),
            },
            plugins: {
                tooltip: {
                    callbacks: {
                        title: (items) => texts[chart.axisUnit](items[0].parsed.x),
                        label: (item) =>
                            item.dataset.label + ": " + texts[chart.unit](item.parsed.y),
                    },
                },
            },
        },
    });

    weft.charts(data, (chart) => (chart.kind === "ladder" ? 56 + 30 * chart.rows.length : 300),
        (chart) => (chart.kind === "ladder" ? ladder(chart) : curves(chart)));
})();
