// SPDX-License-Identifier: Apache-2.0
//
// Draws what the report's data say (report_html.cpp): timelines, which share one window, and charts.
// Computes no figure itself.
"use strict";

(() => {
    const data = JSON.parse(document.getElementById("data").textContent);
    const policies = data.policies;
    const tone = (name) =>
        getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
    const taskTone = (index) => tone("task-" + (index % 8));

    // Timelines. The window is in milliseconds.
    const ROW = 22;
    const BAR = 14;
    const AXIS = 24;
    const shown = { from: data.from, to: data.to };

    const labelWidth = (context, tasks) =>
        Math.min(160, 12 + Math.max(...tasks.map((task) => context.measureText(task.name).width)));

    // The first piece that ends after `at` (microseconds): pieces are sorted.
    const firstPiece = (pieces, at) => {
        let low = 0;
        let high = pieces.length / 4;
        while (low < high) {
            const middle = (low + high) >> 1;
            if (pieces[4 * middle + 3] <= at) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    };

    const drawRow = (context, task, index, left, scale) => {
        const top = index * ROW + (ROW - BAR) / 2;
        const middle = index * ROW + ROW / 2;
        const place = (us) => left + (us / 1000 - shown.from) * scale;
        const pieces = task.pieces;
        const end = shown.to * 1000;
        const colour = taskTone(index);
        for (let i = firstPiece(pieces, shown.from * 1000); 4 * i < pieces.length; i += 1) {
            const [what, cpu, from, to] = pieces.slice(4 * i, 4 * i + 4);
            if (from >= end) {
                break;
            }
            const x = Math.max(place(from), left);
            const width = Math.max(place(to) - x, 0.5);
            if (what === 0) {
                context.fillStyle = colour;
                context.fillRect(x, top, width, BAR);
                if (data.cpus > 1 && width > 12) {
                    context.fillStyle = tone("paper");
                    context.fillText(String(cpu), x + 3, middle);
                }
            } else {
                context.strokeStyle = colour;
                context.setLineDash(what === 2 ? [3, 4] : []);
                context.beginPath();
                context.moveTo(x, middle);
                context.lineTo(x + width, middle);
                context.stroke();
            }
        }
    };

    const stepFor = (length) => {
        const rough = length / 8;
        const power = 10 ** Math.floor(Math.log10(rough));
        return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= rough);
    };

    const drawAxis = (context, left, width, height, scale) => {
        const step = stepFor(shown.to - shown.from);
        context.setLineDash([]);
        context.strokeStyle = tone("line");
        context.fillStyle = tone("soft");
        context.textAlign = "center";
        for (let at = Math.ceil(shown.from / step) * step; at <= shown.to; at += step) {
            const x = left + (at - shown.from) * scale;
            context.beginPath();
            context.moveTo(x, 0);
            context.lineTo(x, height - AXIS + 4);
            context.stroke();
            if (x > left + 10 && x < left + width - 24) {
                context.fillText(Number(at.toPrecision(6)) + " ms", x, height - AXIS / 2 + 2);
            }
        }
        context.textAlign = "left";
    };

    const drawTimeline = (canvas, policy) => {
        const ratio = window.devicePixelRatio || 1;
        const height = policy.tasks.length * ROW + AXIS;
        const total = canvas.parentElement.clientWidth;
        canvas.width = total * ratio;
        canvas.height = height * ratio;
        canvas.style.height = height + "px";
        const context = canvas.getContext("2d");
        context.scale(ratio, ratio);
        context.font = "12px system-ui, sans-serif";
        context.textBaseline = "middle";
        const left = labelWidth(context, policy.tasks);
        const width = total - left;
        const scale = width / (shown.to - shown.from);
        canvas.dataset.left = String(left);
        drawAxis(context, left, width, height, scale);
        policy.tasks.forEach((task, index) => {
            context.fillStyle = tone("ink");
            context.fillText(task.name, 0, index * ROW + ROW / 2, left - 8);
            drawRow(context, task, index, left, scale);
        });
        if (policy.end < shown.to) {
            context.fillStyle = tone("soft");
            context.fillText("drawn until " + policy.end.toFixed(1) + " ms", left + 4, height - 6);
        }
    };

    const canvases = policies.map((_, i) => document.getElementById("timeline-" + i));
    const drawTimelines = () => policies.forEach((policy, i) => drawTimeline(canvases[i], policy));

    const show = (from, to) => {
        const length = Math.min(Math.max(to - from, 0.1), data.duration);
        shown.from = Math.min(Math.max(from, 0), data.duration - length);
        shown.to = shown.from + length;
        drawTimelines();
    };

    const listen = (canvas) => {
        const msPerPixel = () => (shown.to - shown.from) /
            (canvas.clientWidth - Number(canvas.dataset.left));
        canvas.addEventListener("wheel", (event) => {
            event.preventDefault();
            const factor = Math.exp(Math.sign(event.deltaY) * 0.2);
            const at = shown.from +
                Math.max(event.offsetX - Number(canvas.dataset.left), 0) * msPerPixel();
            show(at - (at - shown.from) * factor, at + (shown.to - at) * factor);
        }, { passive: false });
        canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
        canvas.addEventListener("pointermove", (event) => {
            if (event.buttons === 1) {
                const moved = event.movementX * msPerPixel();
                show(shown.from - moved, shown.to - moved);
            }
        });
    };
    canvases.forEach(listen);
    document.getElementById("whole").addEventListener("click", () => show(0, data.duration));
    document.getElementById("back").addEventListener("click", () => show(data.from, data.to));

    // Charts.
    const charts = [];
    const axis = (extra) => ({
        grid: { color: tone("line"), borderColor: tone("line") },
        ...extra,
        ticks: { color: tone("soft"), maxRotation: 0, ...(extra.ticks || {}) },
    });

    // A line across each bar.
    const marks = (key) => ({
        id: "marks",
        afterDatasetsDraw(chart) {
            const { ctx, scales: { x } } = chart;
            ctx.save();
            ctx.strokeStyle = tone("ink");
            ctx.lineWidth = 2;
            chart.data.datasets.forEach((set, i) => {
                chart.getDatasetMeta(i).data.forEach((bar, row) => {
                    const value = set[key][row];
                    if (value !== null) {
                        const at = x.getPixelForValue(value);
                        ctx.beginPath();
                        ctx.moveTo(at, bar.y - bar.height / 2 - 1);
                        ctx.lineTo(at, bar.y + bar.height / 2 + 1);
                        ctx.stroke();
                    }
                });
            });
            ctx.restore();
        },
    });

    const bars = (id, names, value, mark) => {
        const canvas = document.getElementById(id);
        if (!canvas || names.length === 0) {
            return;
        }
        const of = (policy, name, get) => {
            const task = policy.tasks.find((one) => one.name === name);
            return task ? get(task) : null;
        };
        canvas.parentElement.style.height =
            60 + names.length * (8 + 11 * policies.length) + "px";
        charts.push(new Chart(canvas, {
            type: "bar",
            data: {
                labels: names,
                datasets: policies.map((policy, i) => ({
                    label: policy.policy,
                    backgroundColor: tone("policy-" + i),
                    data: names.map((name) => of(policy, name, value)),
                    marks: names.map((name) => of(policy, name, mark)),
                })),
            },
            options: {
                animation: false,
                indexAxis: "y",
                maintainAspectRatio: false,
                scales: { x: axis({ beginAtZero: true }), y: axis({ ticks: { autoSkip: false } }) },
                plugins: { legend: { labels: { color: tone("ink"), boxWidth: 12 } } },
            },
            plugins: [marks("marks")],
        }));
    };

    const lagChart = (id, policy, at, key) => {
        const canvas = document.getElementById(id);
        canvas.parentElement.style.height = "260px";
        charts.push(new Chart(canvas, {
            type: "line",
            data: {
                labels: at,
                datasets: policy.tasks.map((task, i) => ({
                    label: task.name,
                    borderColor: taskTone(i),
                    backgroundColor: taskTone(i),
                    borderWidth: 1.2,
                    pointRadius: 0,
                    data: task[key],
                })),
            },
            options: {
                animation: false,
                maintainAspectRatio: false,
                interaction: { mode: "nearest", intersect: false },
                scales: {
                    x: axis({ type: "linear", min: at[0], max: at[at.length - 1],
                              title: { display: true, text: "ms", color: tone("soft") } }),
                    y: axis({}),
                },
                plugins: { legend: { display: policy.tasks.length <= 12,
                                     labels: { color: tone("ink"), boxWidth: 12 } } },
            },
        }));
    };

    const names = [...new Set(policies.flatMap((policy) => policy.tasks.map((task) => task.name)))];
    const sleepers = names.filter((name) => policies.some((policy) =>
        policy.tasks.some((task) => task.name === name && task.wakes > 0)));

    const drawAll = () => {
        charts.splice(0).forEach((chart) => chart.destroy());
        drawTimelines();
        bars("shares", names, (task) => task.share, (task) => task.ideal);
        bars("latency", sleepers, (task) => (task.wakes ? task.p99 : null),
             (task) => (task.wakes ? task.p50 : null));
        policies.forEach((policy, i) => {
            lagChart("lag-shown-" + i, policy, data.atShown, "lagShown");
            lagChart("lag-" + i, policy, data.at, "lag");
        });
    };
    drawAll();
    window.addEventListener("resize", drawTimelines);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
