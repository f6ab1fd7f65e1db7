// SPDX-License-Identifier: Apache-2.0
#include "load_generator.h"
#include "echo_fixture.h"
#include "load_phases.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

namespace weft::lab {
namespace {

using namespace std::chrono_literals;

loop_request short_loop() {
    loop_request request;
    request.warm_up = 20ms;
    request.duration = 200ms;
    request.grace = 2s;
    return request;
}

connect_report connect_all(load_generator& generator, const echo_fixture& server,
                           std::uint64_t clients) {
    const std::array targets{server.target(clients)};
    return generator.connect(targets, {.in_flight = 64, .deadline = 20s});
}

TEST(load_generator, connects_all_and_each_is_answered_once) {
    echo_fixture server;
    load_generator generator({});
    const auto report = connect_all(generator, server, 500);
    EXPECT_EQ(report.asked, 500U);
    EXPECT_EQ(report.clients, 500U);
    EXPECT_EQ(report.latency.count(), 500U);
    EXPECT_EQ(report.errors.total(), 0U);
    EXPECT_GT(report.seconds, 0.0);
    EXPECT_FALSE(report.interrupted);
    EXPECT_EQ(generator.open_clients(), 500U);
    EXPECT_EQ(server.accepted(), 500U);
}

TEST(load_generator, spreads_clients_over_several_targets) {
    echo_fixture first;
    echo_fixture second;
    load_generator generator({});
    const std::array targets{first.target(30), first.target(0), second.target(70)};
    const auto report = generator.connect(targets, {});
    EXPECT_EQ(report.clients, 100U);
    EXPECT_EQ(first.accepted(), 30U);
    EXPECT_EQ(second.accepted(), 70U);
}

TEST(load_generator, uses_another_source_address_for_high_client_numbers) {
    echo_fixture server;
    load_generator generator({});
    std::array targets{server.target(10)};
    targets[0].first = clients_per_source_address * 3 - 4;
    EXPECT_EQ(generator.connect(targets, {}).clients, 10U);
    std::vector<std::string> expected(4, "127.0.0.3");
    expected.resize(10, "127.0.0.4");
    EXPECT_EQ(server.peers(), expected);
}

TEST(load_generator, uses_the_usual_source_address_for_low_client_numbers) {
    echo_fixture server;
    load_generator generator({});
    EXPECT_EQ(connect_all(generator, server, 3).clients, 3U);
    EXPECT_EQ(server.peers(), std::vector<std::string>(3, "127.0.0.1"));
}

TEST(load_generator, closed_loop_counts_what_was_answered) {
    echo_fixture server;
    load_generator generator({});
    connect_all(generator, server, 50);
    const auto report = generator.loop(short_loop());
    EXPECT_EQ(report.clients, 50U);
    EXPECT_EQ(report.active, 50U);
    EXPECT_GT(report.requests, 50U);
    EXPECT_EQ(report.latency.count(), report.requests);
    EXPECT_GT(report.requests_in_all, report.requests);
    EXPECT_NEAR(report.seconds, 0.2, 0.15);
    EXPECT_EQ(report.errors.total(), 0U);
    EXPECT_GT(report.use.cpu_share, 0.0);
    EXPECT_EQ(generator.open_clients(), 50U);
}

TEST(load_generator, a_stride_leaves_the_others_silent) {
    echo_fixture server;
    load_generator generator({});
    connect_all(generator, server, 250);
    auto request = short_loop();
    request.stride = 100;
    const auto report = generator.loop(request);
    EXPECT_EQ(report.clients, 250U);
    EXPECT_EQ(report.active, 3U);
    EXPECT_GT(report.requests, 0U);
}

TEST(load_generator, messages_larger_than_any_buffer_come_back_whole) {
    echo_fixture server;
    load_generator generator({.message_size = 300'000, .control_fd = -1, .progress = {}});
    EXPECT_EQ(connect_all(generator, server, 4).clients, 4U);
    const auto report = generator.loop(short_loop());
    EXPECT_GT(report.requests, 0U);
    EXPECT_EQ(report.errors.total(), 0U);
}

TEST(load_generator, open_loop_keeps_its_rate) {
    echo_fixture server;
    load_generator generator({});
    connect_all(generator, server, 100);
    auto request = short_loop();
    request.rate = 2000;
    request.duration = 500ms;
    const auto report = generator.loop(request);
    // 1000 requests are due in the window, and each of them is in the histogram.
    EXPECT_NEAR(static_cast<double>(report.latency.count()), 1000.0, 2.0);
    EXPECT_NEAR(static_cast<double>(report.requests_in_all), 1040.0, 2.0);
    EXPECT_EQ(report.errors.total(), 0U);
}

TEST(load_generator, open_loop_counts_a_stall_in_every_request_that_was_due) {
    // Nothing is answered for 300 ms: of 2000 requests a second about 600 fall due meanwhile. A
    // generator that waited for its clients would report one slow request for each of them.
    echo_faults faults;
    faults.stall_after = 200;
    faults.stall_ms = 300;
    echo_fixture server(faults);
    load_generator generator({});
    connect_all(generator, server, 20);
    auto request = short_loop();
    request.rate = 2000;
    request.duration = 1s;
    const auto report = generator.loop(request);
    EXPECT_NEAR(static_cast<double>(report.latency.count()), 2000.0, 2.0);
    EXPECT_GE(report.latency.maximum(), 290'000'000);
    // 600 of 2000 waited, half of them longer than 150 ms.
    EXPECT_GE(report.latency.quantile(0.86), 120'000'000);
}

/// Ticks of another phase that come late: one at the start, none in the `away` after it.
class late_ticks final : public generator_phase {
public:
    late_ticks(generator_phase& inner, std::chrono::nanoseconds away)
        : inner_(inner), away_(away) {}

    std::int64_t tick(std::int64_t now) override {
        if (back_ == 0) {
            back_ = now + away_.count();
        } else if (now < back_) {
            return back_;
        }
        return inner_.tick(now);
    }
    bool finished() const override { return inner_.finished(); }
    void answered(std::uint32_t client, std::int64_t now) override { inner_.answered(client, now); }
    void lost(std::uint32_t client, load_error error, bool waited) override {
        inner_.lost(client, error, waited);
    }
    std::pair<std::uint64_t, std::uint64_t> progress() const override { return inner_.progress(); }

private:
    generator_phase& inner_;
    std::chrono::nanoseconds away_;
    std::int64_t back_ = 0;
};

TEST(load_generator, a_generator_that_is_late_at_the_end_of_the_window_still_sends_what_was_due) {
    echo_fixture server;
    load_connections connections({});
    const std::array targets{server.target(10)};
    const connect_request connect{.in_flight = 10, .deadline = 20s};
    connecting all(connections, targets, connect);
    ASSERT_TRUE(connections.run(all, 32));
    auto request = short_loop();
    request.rate = 1000;
    open_loop loop(connections, request);
    late_ticks late(loop, request.warm_up + request.duration + 30ms);
    ASSERT_TRUE(connections.run(late, 32));
    const auto report = loop.report(false);
    EXPECT_EQ(report.latency.count(), 200U);
    EXPECT_EQ(report.requests_in_all, 220U);
    EXPECT_GE(report.latency.maximum(), 200'000'000);
    EXPECT_EQ(report.errors.total(), 0U);
}

TEST(load_generator, notices_answers_that_differ) {
    echo_faults faults;
    faults.corrupt_every = 100;
    echo_fixture server(faults);
    load_generator generator({});
    connect_all(generator, server, 20);
    const auto report = generator.loop(short_loop());
    EXPECT_GT(report.errors[load_error::corrupt], 0U);
    EXPECT_EQ(report.errors.total(), report.errors[load_error::corrupt]);
}

TEST(load_generator, counts_connections_that_the_server_closes) {
    echo_faults faults;
    faults.close_every = 50;
    echo_fixture server(faults);
    load_generator generator({});
    const auto connected = connect_all(generator, server, 200);
    EXPECT_EQ(connected.clients, 196U);
    EXPECT_EQ(connected.errors[load_error::closed], 4U);
    const auto report = generator.loop(short_loop());
    EXPECT_EQ(report.clients, 196U);
    EXPECT_GT(report.errors[load_error::closed], 0U);
    EXPECT_LT(generator.open_clients(), 196U);
}

TEST(load_generator, an_answer_that_never_comes_is_a_timeout_and_a_latency) {
    echo_faults faults;
    faults.swallow_nth = 25;
    echo_fixture server(faults);
    load_generator generator({});
    connect_all(generator, server, 20);
    auto request = short_loop();
    request.warm_up = 0ms;
    request.grace = 100ms;
    const auto report = generator.loop(request);
    EXPECT_EQ(report.errors[load_error::timed_out], 1U);
    EXPECT_GE(report.latency.maximum(), 250'000'000);
    EXPECT_EQ(generator.open_clients(), 19U);
}

TEST(load_generator, counts_refused_connections) {
    load_target nobody;
    {
        const echo_fixture server;
        nobody = server.target(20);
    }
    load_generator generator({});
    const std::array targets{nobody};
    const auto report = generator.connect(targets, {.in_flight = 8, .deadline = 5s});
    EXPECT_EQ(report.clients, 0U);
    EXPECT_EQ(report.errors[load_error::refused], 20U);
}

TEST(load_generator, connecting_ends_at_its_deadline) {
    echo_faults faults;
    faults.swallow_nth = 3;
    echo_fixture server(faults);
    load_generator generator({});
    const std::array targets{server.target(10)};
    const auto report = generator.connect(targets, {.in_flight = 1, .deadline = 100ms});
    EXPECT_EQ(report.clients, 2U);
    EXPECT_EQ(report.errors[load_error::timed_out], 8U);
}

TEST(load_generator, a_round_asks_the_chosen_ones_once) {
    echo_fixture server;
    load_generator generator({});
    connect_all(generator, server, 100);
    const auto chosen = generator.round({.stride = 10, .deadline = 5s});
    EXPECT_EQ(chosen.asked, 10U);
    EXPECT_EQ(chosen.answered, 10U);
    const auto others = generator.round({.stride = 10, .inverted = true, .deadline = 5s});
    EXPECT_EQ(others.asked, 90U);
    EXPECT_EQ(others.answered, 90U);
}

TEST(load_generator, a_phase_ends_early_when_control_becomes_readable) {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    {
        echo_fixture server;
        load_generator generator(
            {.message_size = 64, .control_fd = pair[0], .progress = [&](auto done, auto total) {
                 if (total > 1000 && done > 50) {  // the loop, counted in milliseconds
                     ::close(std::exchange(pair[1], -1));
                 }
             }});
        connect_all(generator, server, 10);
        auto request = short_loop();
        request.duration = 60s;
        const auto report = generator.loop(request);
        EXPECT_TRUE(report.interrupted);
        EXPECT_LT(report.seconds, 30.0);
    }
    ::close(pair[0]);
}

TEST(load_report, survives_the_control_channel) {
    echo_fixture server;
    load_generator generator({});
    const auto connected = connect_all(generator, server, 20);
    const auto looped = generator.loop(short_loop());
    const auto one = loop_report_from(nlohmann::json::parse(to_json(looped).dump()));
    EXPECT_EQ(one.requests, looped.requests);
    EXPECT_EQ(one.latency.serialize(), looped.latency.serialize());
    auto both = one;
    both.merge(looped);
    EXPECT_EQ(both.requests, 2 * looped.requests);
    EXPECT_EQ(both.latency.count(), 2 * looped.latency.count());
    EXPECT_DOUBLE_EQ(both.seconds, looped.seconds);
    EXPECT_EQ(connect_report_from(to_json(connected)).clients, 20U);
    EXPECT_THROW(loop_report_from(nlohmann::json::object()), nlohmann::json::exception);
}

TEST(load_report, a_count_is_whole_and_not_negative) {
    const auto with = [](const nlohmann::json& asked) {
        return round_report_from({{"asked", asked},
                                  {"answered", 1},
                                  {"errors", {{"reset", 2}}},
                                  {"interrupted", false}});
    };
    EXPECT_EQ(with(7).asked, 7U);
    EXPECT_EQ(with(7).errors[load_error::reset], 2U);
    for (const nlohmann::json& wrong :
         {nlohmann::json(-1), nlohmann::json(1.5), nlohmann::json(1e300), nlohmann::json("7")}) {
        EXPECT_THROW(with(wrong), nlohmann::json::exception) << wrong;
    }
}

}  // namespace
}  // namespace weft::lab
