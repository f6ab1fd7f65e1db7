// SPDX-License-Identifier: Apache-2.0
#include "load_phases.h"

#include <algorithm>
#include <limits>
#include <random>

namespace weft::lab {

namespace {

/// First requests and connects begun between two looks at the answers.
constexpr std::size_t begun_per_tick = 32;

/// began_ of a client whose connect has ended, one way or the other.
constexpr std::int64_t is_settled = -1;

/// Connected clients of which every stride-th is chosen, or, when inverted, the others.
std::vector<std::uint32_t> choose(const load_connections& connections, std::uint64_t stride,
                                  bool inverted) {
    const std::uint64_t step = std::max<std::uint64_t>(stride, 1);
    std::vector<std::uint32_t> chosen;
    for (std::uint32_t i = 0; i < connections.size(); ++i) {
        if ((i % step == 0) != inverted && connections.connected(i)) {
            chosen.push_back(i);
        }
    }
    return chosen;
}

}  // namespace

// --- connecting ---------------------------------------------------------------------------------

connecting::connecting(load_connections& connections, std::span<const load_target> targets,
                       const connect_request& request)
    : connections_(connections), targets_(targets), request_(request) {
    for (const load_target& target : targets_) {
        report_.asked += target.clients;
    }
    connections_.reset(report_.asked);
    began_.resize(report_.asked, is_settled);
}

std::int64_t connecting::tick(std::int64_t now) {
    if (first_ns_ == 0) {
        first_ns_ = now;
        last_ns_ = now;
        deadline_ns_ = now + request_.deadline.count();
        meter_.start();
    }
    const std::uint64_t most = std::max<std::uint64_t>(request_.in_flight, 1);
    std::size_t begun = 0;
    while (next_ < report_.asked && next_ - ended_ < most && begun < begun_per_tick) {
        begin_next(now_ns());
        ++begun;
    }
    if (now >= deadline_ns_) {
        give_up_on_the_rest();
    }
    if (ended_ == report_.asked && !finished_) {
        finished_ = true;
        report_.use = meter_.stop();
    }
    return begun == begun_per_tick ? now : deadline_ns_;
}

void connecting::begin_next(std::int64_t now) {
    while (number_in_target_ == targets_[target_].clients) {
        ++target_;
        number_in_target_ = 0;
    }
    const std::uint32_t client = next_++;
    began_[client] = now;
    connections_.connect(client, targets_[target_], number_in_target_++);
}

void connecting::connected(std::uint32_t client, std::int64_t now) {
    connections_.send(client, now);
}

void connecting::answered(std::uint32_t client, std::int64_t now) {
    report_.latency.record(now - began_[client]);
    began_[client] = is_settled;
    ++report_.clients;
    ++ended_;
    last_ns_ = now;
}

void connecting::lost(std::uint32_t client, load_error error, bool) {
    report_.errors.add(error);
    if (began_[client] == is_settled) {
        --report_.clients;
    } else {
        began_[client] = is_settled;
        ++ended_;
    }
}

void connecting::give_up_on_the_rest() {
    for (std::uint32_t client = 0; client < next_; ++client) {
        if (began_[client] != is_settled) {
            connections_.drop(client);
        }
    }
    report_.errors.add(load_error::timed_out, report_.asked - ended_);
    next_ = static_cast<std::uint32_t>(report_.asked);
    ended_ = report_.asked;
}

std::pair<std::uint64_t, std::uint64_t> connecting::progress() const {
    return {ended_, report_.asked};
}

connect_report connecting::report(bool interrupted) {
    report_.interrupted = interrupted;
    report_.seconds = static_cast<double>(last_ns_ - first_ns_) / 1e9;
    return std::move(report_);
}

// --- timed_loop ---------------------------------------------------------------------------------

timed_loop::timed_loop(load_connections& connections, const loop_request& request)
    : connections_(connections),
      request_(request),
      active_(choose(connections, request.stride, false)) {
    report_.clients = connections_.open_clients();
    report_.active = active_.size();
}

std::int64_t timed_loop::tick(std::int64_t now) {
    now_ = now;
    if (start_ == 0) {
        start_ = now;
        window_begin_ = start_ + request_.warm_up.count();
        window_end_ = window_begin_ + request_.duration.count();
    }
    // Before the stage changes: what fell due while nobody looked is late, not void. Left out, a
    // stall of the generator at the end of the window would take the requests with it that it
    // delayed.
    const std::int64_t next = send_due(now);
    advance(now);
    switch (stage_) {
        case stage::warm_up:
            return std::min(next, window_begin_);
        case stage::window:
            return std::min(next, window_end_);
        case stage::tail:
            return window_end_ + request_.grace.count();
        case stage::finished:
            break;
    }
    return now;
}

void timed_loop::advance(std::int64_t now) {
    if (stage_ == stage::warm_up && now >= window_begin_) {
        stage_ = stage::window;
        window_opened_ = now;
        meter_.start();
    }
    if (stage_ == stage::window && now >= window_end_) {
        stage_ = stage::tail;
        report_.seconds = static_cast<double>(now - window_opened_) / 1e9;
        report_.use = meter_.stop();
    }
    const bool all_answered = under_way_ == 0 && !backlog();
    if (stage_ == stage::tail && (all_answered || now >= window_end_ + request_.grace.count())) {
        end(now);
    }
}

void timed_loop::end(std::int64_t now) {
    for (const std::uint32_t client : active_) {
        if (connections_.connected(client) && connections_.busy(client)) {
            abandon(client, now);
            report_.errors.add(load_error::timed_out);
            connections_.drop(client);
        }
    }
    stage_ = stage::finished;
}

void timed_loop::send(std::uint32_t client, std::int64_t started) {
    ++under_way_;
    connections_.send(client, started);
}

void timed_loop::answered(std::uint32_t client, std::int64_t now) {
    --under_way_;
    ++report_.requests_in_all;
    if (stage_ == stage::window) {
        ++report_.requests;
    }
    after_answer(client, connections_.started(client), now);
}

void timed_loop::lost(std::uint32_t client, load_error error, bool waited) {
    report_.errors.add(error);
    if (waited) {
        --under_way_;
    }
    after_loss(client);
}

std::pair<std::uint64_t, std::uint64_t> timed_loop::progress() const {
    const auto total = window_end_ - start_;
    const auto done = std::clamp<std::int64_t>(now_ - start_, 0, total);
    return {static_cast<std::uint64_t>(done / 1'000'000),
            static_cast<std::uint64_t>(total / 1'000'000)};
}

loop_report timed_loop::report(bool interrupted) {
    report_.interrupted = interrupted;
    if (stage_ == stage::window) {
        report_.seconds = static_cast<double>(now_ns() - window_opened_) / 1e9;
        report_.use = meter_.stop();
    }
    return std::move(report_);
}

// --- closed_loop --------------------------------------------------------------------------------

std::int64_t closed_loop::send_due(std::int64_t now) {
    if (now >= window_end()) {
        return std::numeric_limits<std::int64_t>::max();
    }
    const std::size_t stop = std::min(begun_ + begun_per_tick, active_.size());
    for (; begun_ < stop; ++begun_) {
        if (connections_.connected(active_[begun_])) {
            send(active_[begun_], now_ns());
        }
    }
    return begun_ < active_.size() ? now : std::numeric_limits<std::int64_t>::max();
}

void closed_loop::after_answer(std::uint32_t client, std::int64_t started, std::int64_t now) {
    if (current() == stage::window) {
        report_.latency.record(now - started);
    }
    if (now < window_end()) {
        send(client, now);
    }
}

void closed_loop::after_loss(std::uint32_t) {}

void closed_loop::abandon(std::uint32_t client, std::int64_t now) {
    report_.latency.record(now - connections_.started(client));
}

// --- open_loop ----------------------------------------------------------------------------------

open_loop::open_loop(load_connections& connections, const loop_request& request)
    : timed_loop(connections, request), unsent_(connections.size(), 0) {
    std::shuffle(active_.begin(), active_.end(), std::mt19937_64(request.seed));
    for (std::size_t i = 0; i < active_.size(); ++i) {
        unsent_[active_[i]] = i;
    }
    if (!active_.empty()) {
        const auto span = std::chrono::duration<double>(request.warm_up + request.duration);
        total_ = static_cast<std::uint64_t>(span.count() * request.rate);
    }
}

std::int64_t open_loop::due(std::uint64_t request) const noexcept {
    return start() + static_cast<std::int64_t>(static_cast<double>(request) * 1e9 / request_.rate);
}

bool open_loop::in_window(std::int64_t due_ns) const noexcept {
    return due_ns >= window_begin() && due_ns < window_end();
}

std::int64_t open_loop::send_due(std::int64_t now) {
    for (; next_ < total_ && due(next_) <= now; ++next_) {
        const std::uint32_t client = active_[next_ % active_.size()];
        if (!connections_.connected(client)) {
            continue;
        }
        if (connections_.busy(client)) {
            ++backlog_;
            continue;
        }
        const std::int64_t due_ns = due(next_);
        if (in_window(due_ns)) {
            report_.lag.record(now - due_ns);
        }
        unsent_[client] = next_ + active_.size();
        send(client, due_ns);
    }
    return next_ < total_ ? due(next_) : window_end();
}

void open_loop::after_answer(std::uint32_t client, std::int64_t started, std::int64_t now) {
    if (in_window(started)) {
        report_.latency.record(now - started);
    }
    if (unsent_[client] < next_) {
        const std::int64_t due_ns = due(unsent_[client]);
        unsent_[client] += active_.size();
        --backlog_;
        send(client, due_ns);
    }
}

void open_loop::after_loss(std::uint32_t client) {
    for (; unsent_[client] < next_; unsent_[client] += active_.size()) {
        --backlog_;
    }
}

void open_loop::abandon(std::uint32_t client, std::int64_t now) {
    // At least this late: leaving these out would hide the slowest requests.
    if (in_window(connections_.started(client))) {
        report_.latency.record(now - connections_.started(client));
    }
    for (; unsent_[client] < next_; unsent_[client] += active_.size()) {
        report_.errors.add(load_error::timed_out);
        if (in_window(due(unsent_[client]))) {
            report_.latency.record(now - due(unsent_[client]));
        }
    }
}

// --- one_round ----------------------------------------------------------------------------------

one_round::one_round(load_connections& connections, const round_request& request)
    : connections_(connections),
      request_(request),
      chosen_(choose(connections, request.stride, request.inverted)) {
    report_.asked = chosen_.size();
}

std::int64_t one_round::tick(std::int64_t now) {
    if (deadline_ns_ == 0) {
        deadline_ns_ = now + request_.deadline.count();
    }
    const std::size_t stop = std::min(begun_ + begun_per_tick, chosen_.size());
    for (; begun_ < stop; ++begun_) {
        if (connections_.connected(chosen_[begun_])) {
            connections_.send(chosen_[begun_], now, request_.poison);
        } else {
            ++ended_;  // lost before its turn, and counted then
        }
    }
    if (begun_ < chosen_.size()) {
        return now;
    }
    if (ended_ < chosen_.size() && now >= deadline_ns_) {
        for (const std::uint32_t client : chosen_) {
            if (connections_.connected(client) && connections_.busy(client)) {
                report_.errors.add(load_error::timed_out);
                connections_.drop(client);
                ++ended_;
            }
        }
    }
    finished_ = ended_ >= chosen_.size();
    return deadline_ns_;
}

void one_round::answered(std::uint32_t, std::int64_t) {
    ++report_.answered;
    ++ended_;
}

void one_round::lost(std::uint32_t, load_error error, bool waited) {
    report_.errors.add(error);
    if (waited) {
        ++ended_;
    }
}

std::pair<std::uint64_t, std::uint64_t> one_round::progress() const {
    return {ended_, chosen_.size()};
}

round_report one_round::report(bool interrupted) {
    report_.interrupted = interrupted;
    return report_;
}

}  // namespace weft::lab
