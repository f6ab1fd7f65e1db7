-- SPDX-License-Identifier: Apache-2.0
--
-- For wrk: its result once more as the last line, in JSON.
function done(summary, latency)
    local e = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %.6f, "latency_us_p99": %d, "errors": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
end
