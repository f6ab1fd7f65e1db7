// SPDX-License-Identifier: Apache-2.0
//
// The phases of the load generator: who sends when, and what is counted. Internal to
// load_generator; each object lives for one run of load_connections on one thread.
#pragma once

#include "generator_meter.h"
#include "load_connections.h"
#include "load_generator.h"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace weft::lab {

/// Connects all clients, a bounded number at a time, and has each answered once.
class connecting final : public generator_phase {
public:
    connecting(load_connections& connections, std::span<const load_target> targets,
               const connect_request& request);

    std::int64_t tick(std::int64_t now) override;
    bool finished() const override { return finished_; }
    void connected(std::uint32_t client, std::int64_t now) override;
    void answered(std::uint32_t client, std::int64_t now) override;
    void lost(std::uint32_t client, load_error error, bool waited) override;
    std::pair<std::uint64_t, std::uint64_t> progress() const override;

    connect_report report(bool interrupted);

private:
    void begin_next(std::int64_t now);
    void give_up_on_the_rest();

    load_connections& connections_;
    std::span<const load_target> targets_;
    const connect_request& request_;
    connect_report report_;
    generator_meter meter_;
    /// When each client began to connect.
    std::vector<std::int64_t> began_;
    std::size_t target_ = 0;
    std::uint64_t number_in_target_ = 0;
    std::uint32_t next_ = 0;
    std::uint64_t ended_ = 0;
    std::int64_t first_ns_ = 0;
    std::int64_t last_ns_ = 0;
    std::int64_t deadline_ns_ = 0;
    bool finished_ = false;
};

/// What closed and open loop share: warm-up, window, tail, and the counts.
class timed_loop : public generator_phase {
public:
    timed_loop(load_connections& connections, const loop_request& request);

    std::int64_t tick(std::int64_t now) final;
    bool finished() const final { return stage_ == stage::finished; }
    void answered(std::uint32_t client, std::int64_t now) final;
    void lost(std::uint32_t client, load_error error, bool waited) final;
    std::pair<std::uint64_t, std::uint64_t> progress() const final;

    loop_report report(bool interrupted);

protected:
    enum class stage {
        /// Sends, nothing is measured.
        warm_up,
        /// Sends and measures.
        window,
        /// Sends no more; waits for the last answers.
        tail,
        finished,
    };

    /// Sends what is due and not sent, also after the window; returns when there will be more.
    virtual std::int64_t send_due(std::int64_t now) = 0;
    /// After an answer, which came at `now`.
    virtual void after_answer(std::uint32_t client, std::int64_t started, std::int64_t now) = 0;
    /// After a client was lost.
    virtual void after_loss(std::uint32_t client) = 0;
    /// Counts the requests of a client that will get no answer.
    virtual void abandon(std::uint32_t client, std::int64_t now) = 0;
    /// Whether requests wait that nobody has sent yet.
    virtual bool backlog() const { return false; }

    void send(std::uint32_t client, std::int64_t started);
    [[nodiscard]] stage current() const noexcept { return stage_; }
    [[nodiscard]] std::int64_t window_begin() const noexcept { return window_begin_; }
    [[nodiscard]] std::int64_t window_end() const noexcept { return window_end_; }
    [[nodiscard]] std::int64_t start() const noexcept { return start_; }

    load_connections& connections_;
    const loop_request& request_;
    loop_report report_;
    /// The clients that take part.
    std::vector<std::uint32_t> active_;

private:
    void advance(std::int64_t now);
    void end(std::int64_t now);

    generator_meter meter_;
    stage stage_ = stage::warm_up;
    std::int64_t start_ = 0;
    std::int64_t window_begin_ = 0;
    std::int64_t window_end_ = 0;
    std::int64_t window_opened_ = 0;
    std::int64_t now_ = 0;
    std::uint64_t under_way_ = 0;
};

class closed_loop final : public timed_loop {
public:
    using timed_loop::timed_loop;

private:
    std::int64_t send_due(std::int64_t now) override;
    void after_answer(std::uint32_t client, std::int64_t started, std::int64_t now) override;
    void after_loss(std::uint32_t client) override;
    void abandon(std::uint32_t client, std::int64_t now) override;

    /// How many of active_ have sent their first request.
    std::size_t begun_ = 0;
};

/// Request k is due at start + k/rate on client k modulo the number of clients, which are in
/// random order. A client that is still busy when its next request is due sends it as soon as it
/// is answered; the latency counts from when it was due.
class open_loop final : public timed_loop {
public:
    open_loop(load_connections& connections, const loop_request& request);

private:
    std::int64_t send_due(std::int64_t now) override;
    void after_answer(std::uint32_t client, std::int64_t started, std::int64_t now) override;
    void after_loss(std::uint32_t client) override;
    void abandon(std::uint32_t client, std::int64_t now) override;
    bool backlog() const override { return backlog_ != 0; }

    [[nodiscard]] std::int64_t due(std::uint64_t request) const noexcept;
    [[nodiscard]] bool in_window(std::int64_t due_ns) const noexcept;

    /// For each client of the connections, the first request of it not sent yet.
    std::vector<std::uint64_t> unsent_;
    std::uint64_t total_ = 0;
    std::uint64_t next_ = 0;
    /// Requests that are due and not sent, because their client is busy.
    std::uint64_t backlog_ = 0;
};

class one_round final : public generator_phase {
public:
    one_round(load_connections& connections, const round_request& request);

    std::int64_t tick(std::int64_t now) override;
    bool finished() const override { return finished_; }
    void answered(std::uint32_t client, std::int64_t now) override;
    void lost(std::uint32_t client, load_error error, bool waited) override;
    std::pair<std::uint64_t, std::uint64_t> progress() const override;

    round_report report(bool interrupted);

private:
    load_connections& connections_;
    const round_request& request_;
    round_report report_;
    std::vector<std::uint32_t> chosen_;
    std::size_t begun_ = 0;
    std::uint64_t ended_ = 0;
    std::int64_t deadline_ns_ = 0;
    bool finished_ = false;
};

}  // namespace weft::lab
