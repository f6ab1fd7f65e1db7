// SPDX-License-Identifier: Apache-2.0
//
// What all four models promise (serve.h), tested alike on each; then what only one of them does.
#include <weft/serve.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <weft/fiber.h>
#include <weft/runtime.h>

#include "serve_harness.h"

namespace weft::serving::testing {
namespace {

using namespace std::chrono_literals;

class serve_models : public ::testing::TestWithParam<model> {};

INSTANTIATE_TEST_SUITE_P(each, serve_models,
                         ::testing::Values(model::process, model::thread, model::fiber,
                                           model::coroutine),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(serve_models, echoes) {
    server_process server(GetParam());
    client c(server);
    EXPECT_TRUE(c.echoes());
    EXPECT_TRUE(c.echoes("once more"));
    c.close();
    EXPECT_TRUE(eventually([&] { return server.counters().completed == 1; }));
    EXPECT_EQ(server.stop(), "ended");
    EXPECT_EQ(server.counters().accepted, 1u);
    EXPECT_EQ(server.counters().active, 0u);
    EXPECT_EQ(server.counters().failed, 0u);
}

TEST_P(serve_models, serves_many_at_once) {
    constexpr std::size_t many = 100;
    server_process server(GetParam());
    std::vector<client> clients;
    for (std::size_t i = 0; i < many; ++i) {
        clients.emplace_back(server);
    }
    for (std::size_t i = 0; i < many; ++i) {
        clients[i].send("client " + std::to_string(i));
    }
    for (std::size_t i = many; i-- > 0;) {
        EXPECT_EQ(clients[i].receive(), "client " + std::to_string(i));
    }
    EXPECT_EQ(server.counters().active, many);
    clients.clear();
    EXPECT_TRUE(eventually([&] { return server.counters().active == 0; }));
    EXPECT_EQ(server.stop(), "ended");
    EXPECT_EQ(server.counters().accepted, many);
    EXPECT_EQ(server.counters().completed, many);
}

TEST_P(serve_models, refuses_clients_beyond_the_limit) {
    server_process server(GetParam(), {.max_connections = 2, .refusal = "full\n"});
    client first(server);
    client second(server);
    EXPECT_TRUE(first.echoes());
    EXPECT_TRUE(second.echoes());
    client third(server);
    EXPECT_EQ(third.receive_all(), "full\n");
    EXPECT_EQ(server.counters().refused, 1u);
    EXPECT_TRUE(first.echoes()) << "those that are there are served on";

    first.close();
    EXPECT_TRUE(eventually([&] { return server.counters().active == 1; }));
    client fourth(server);
    EXPECT_TRUE(fourth.echoes());
    EXPECT_EQ(server.stop(), "ended");
    EXPECT_EQ(server.counters().accepted, 3u);
}

TEST_P(serve_models, drain_ends_idle_connections) {
    server_process server(GetParam(), {.drain = 1h});
    std::array<client, 3> clients{client(server), client(server), client(server)};
    for (client& c : clients) {
        EXPECT_TRUE(c.echoes());
    }
    server.request_stop();
    for (client& c : clients) {
        EXPECT_EQ(c.receive(), "");
    }
    EXPECT_EQ(server.wait(), "ended");
    EXPECT_EQ(server.counters().completed, 3u);
    EXPECT_EQ(server.counters().forced, 0u);
}

TEST_P(serve_models, drain_lets_busy_connections_finish) {
    server_process server(GetParam(), {.drain = 1h});
    client busy(server);
    client idle(server);
    EXPECT_TRUE(busy.echoes());
    EXPECT_TRUE(idle.echoes());
    busy.send(command_await_stop);
    server.request_stop();
    EXPECT_EQ(busy.receive_all(), "bye");
    EXPECT_EQ(idle.receive_all(), "");
    EXPECT_EQ(server.wait(), "ended");
    EXPECT_EQ(server.counters().completed, 2u);
    EXPECT_EQ(server.counters().forced, 0u);
}

TEST_P(serve_models, drain_answers_what_was_sent_before) {
    server_process server(GetParam(), {.drain = 1h});
    client c(server);
    EXPECT_TRUE(c.echoes());
    client witness(server);
    EXPECT_TRUE(witness.echoes());
    c.send("sent before the stop");
    server.request_stop();
    EXPECT_EQ(c.receive_all(), "sent before the stop");
    EXPECT_EQ(server.wait(), "ended");
}

TEST_P(serve_models, drain_forces_what_does_not_end) {
    server_process server(GetParam(), {.drain = 50ms});
    client stubborn(server);
    stubborn.send(command_ignore_stop);
    EXPECT_TRUE(stubborn.receive().starts_with("on"));
    EXPECT_EQ(server.stop(), "ended");
    EXPECT_EQ(server.counters().forced, 1u);
    EXPECT_EQ(server.counters().active, 0u);
    EXPECT_EQ(server.counters().crashed, 0u) << "killing it was the server's own doing";
}

TEST_P(serve_models, second_signal_ends_the_drain_at_once) {
    server_process server(GetParam(), {.drain = 1h});
    client stubborn(server);
    stubborn.send(command_ignore_stop);
    EXPECT_TRUE(stubborn.receive().starts_with("on"));
    client witness(server);
    EXPECT_TRUE(witness.echoes());
    server.request_stop();
    EXPECT_EQ(witness.receive(), "") << "the drain has begun";
    EXPECT_TRUE(eventually([&] { return server.counters().active == 1; }));
    EXPECT_EQ(server.stop(), "ended");
    EXPECT_EQ(server.counters().forced, 1u);
}

TEST_P(serve_models, accepts_nobody_while_it_drains) {
    server_process server(GetParam(), {.drain = 1h});
    client stubborn(server);
    stubborn.send(command_ignore_stop);
    EXPECT_TRUE(stubborn.receive().starts_with("on"));
    client witness(server);
    EXPECT_TRUE(witness.echoes());
    server.request_stop();
    EXPECT_EQ(witness.receive(), "");
    client late(server);
    late.send("hello");
    EXPECT_EQ(server.stop(), "ended");
    EXPECT_EQ(server.counters().accepted, 2u);
    EXPECT_EQ(server.counters().refused, 0u);
}

TEST_P(serve_models, exceptions_stay_in_their_connection) {
    server_process server(GetParam());
    client good(server);
    client bad(server);
    EXPECT_TRUE(good.echoes());
    bad.send(command_throw);
    EXPECT_EQ(bad.receive_all(), "");
    EXPECT_TRUE(eventually([&] { return server.counters().failed == 1; }));
    EXPECT_TRUE(good.echoes());
    EXPECT_EQ(server.stop(), "ended");
    EXPECT_EQ(server.counters().completed, 1u);
}

TEST_P(serve_models, survives_peers_that_reset) {
    server_process server(GetParam());
    client good(server);
    EXPECT_TRUE(good.echoes());
    for (int i = 0; i < 10; ++i) {
        client rude(server);
        if (i % 2 == 0) {
            EXPECT_TRUE(rude.echoes());
        }
        rude.reset();
    }
    EXPECT_TRUE(eventually([&] { return server.counters().active == 1; }));
    EXPECT_TRUE(good.echoes());
    EXPECT_EQ(server.stop(), "ended");
    EXPECT_EQ(server.counters().crashed, 0u);
}

TEST_P(serve_models, answers_after_half_close) {
    server_process server(GetParam());
    client c(server);
    c.send("the last words");
    c.end_stream();
    EXPECT_EQ(c.receive_all(), "the last words");
    EXPECT_TRUE(eventually([&] { return server.counters().completed == 1; }));
    EXPECT_EQ(server.stop(), "ended");
}

TEST_P(serve_models, handler_may_leave_first) {
    server_process server(GetParam());
    client c(server);
    c.send(command_leave);
    EXPECT_EQ(c.receive_all(), "");
    EXPECT_TRUE(eventually([&] { return server.counters().completed == 1; }));
    EXPECT_EQ(server.stop(), "ended");
}

TEST_P(serve_models, deadlines_hold_in_the_handler) {
    server_process server(GetParam());
    client c(server);
    c.send(command_deadline);
    EXPECT_EQ(c.receive(), "read: Connection timed out");
    EXPECT_TRUE(c.echoes()) << "and the connection is as good as before";
    EXPECT_EQ(server.stop(), "ended");
}

TEST_P(serve_models, handler_sees_the_stop_token_turn) {
    server_process server(GetParam(), {.drain = 1h});
    client c(server);
    c.send(command_token);
    EXPECT_EQ(c.receive(), "waits");
    server.request_stop();
    EXPECT_EQ(c.receive_all(), "token");
    EXPECT_EQ(server.wait(), "ended");
}

TEST_P(serve_models, does_nothing_if_stopped_before_it_starts) {
    std::stop_source source;
    source.request_stop();
    server_process server(GetParam(), {.stop = source.get_token()});
    EXPECT_EQ(server.wait(), "ended");
    EXPECT_EQ(server.counters().accepted, 0u);
}

TEST_P(serve_models, stop_token_stops_it_from_another_thread) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    server_process server(GetParam(), {}, std::nullopt, [&](serve_options& options) {
        // Lives as long as the server's process.
        auto* const source = new std::stop_source;
        options.stop = source->get_token();
        ::close(ends[1]);
        std::thread([source, from = ends[0]] {
            char byte = 0;
            static_cast<void>(::read(from, &byte, 1) == 0);
            source->request_stop();
        }).detach();
    });
    ::close(ends[0]);
    client c(server);
    EXPECT_TRUE(c.echoes());
    ::close(ends[1]);
    EXPECT_EQ(c.receive_all(), "");
    EXPECT_EQ(server.wait(), "ended");
    EXPECT_EQ(server.counters().completed, 1u);
}

TEST_P(serve_models, serves_unix_sockets) {
    const auto at = endpoint::parse("unix:@weft-serve-test-" + std::to_string(::getpid()));
    ASSERT_TRUE(at.has_value());
    server_process server(GetParam(), {.drain = 1h}, *at);
    client idle(server);
    client busy(server);
    EXPECT_TRUE(idle.echoes());
    EXPECT_TRUE(busy.echoes());
    busy.send(command_await_stop);
    server.request_stop();
    EXPECT_EQ(idle.receive_all(), "");
    EXPECT_EQ(busy.receive_all(), "bye");
    EXPECT_EQ(server.wait(), "ended");
}

/// Leaves this process `more` descriptors that it may open.
void allow_descriptors(std::size_t more) {
    std::vector<int> opened;
    for (std::size_t i = 0; i <= more; ++i) {
        opened.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    const rlimit limit{.rlim_cur = static_cast<rlim_t>(opened.back()),
                       .rlim_max = static_cast<rlim_t>(opened.back())};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    for (const int fd : opened) {
        ::close(fd);
    }
}

TEST_P(serve_models, refuses_clients_when_descriptors_run_out) {
    // The process model's parent needs three for itself and has one for the client in hand; the
    // others keep one for each client.
    const bool forks = GetParam() == model::process;
    server_process server(GetParam(), {.refusal = "full\n"}, std::nullopt,
                          [&](serve_options&) { allow_descriptors(forks ? 3 : 30); });
    std::vector<client> served;
    std::string answer = "hello";
    while (answer == "hello" && served.size() < 100) {
        client c(server);
        c.send("hello");
        answer = c.receive();
        if (answer == "hello") {
            served.push_back(std::move(c));
        }
    }
    EXPECT_EQ(answer, "full\n");
    EXPECT_EQ(served.empty(), forks);
    EXPECT_TRUE(eventually([&] { return server.counters().refused >= 1; }));
    for (client& c : served) {
        EXPECT_TRUE(c.echoes());
    }
    if (forks) {
        client another(server);
        another.end_stream();
        EXPECT_EQ(another.receive_all(), "full\n");
    } else {
        // Ten times the handler's 20 ms, in which a server that spins would burn 200 ms of CPU.
        const auto before = server.cpu_time();
        for (int i = 0; i < 10; ++i) {
            served.front().send(command_deadline);
            EXPECT_NE(served.front().receive(), "");
        }
        EXPECT_LT(server.cpu_time() - before, 100ms);
        served.pop_back();
        EXPECT_TRUE(eventually([&] { return client(server).echoes(); }));
    }
    EXPECT_EQ(server.stop(), "ended");
}

// The process model.

std::string children_of(pid_t pid) {
    const std::string number = std::to_string(pid);
    std::ifstream file("/proc/" + number + "/task/" + number + "/children");
    std::string line;
    std::getline(file, line);
    return line;
}

class serve_process_crash : public ::testing::TestWithParam<command> {};

INSTANTIATE_TEST_SUITE_P(by, serve_process_crash, ::testing::Values(command_segv, command_abort));

TEST_P(serve_process_crash, is_counted_and_survived) {
    server_process server(model::process);
    client good(server);
    EXPECT_TRUE(good.echoes());
    client bad(server);
    bad.send(GetParam());
    EXPECT_EQ(bad.receive_all(), "");
    EXPECT_TRUE(
        eventually([&] { return server.counters().crashed + server.counters().failed == 1; }));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which make an exit of it
    EXPECT_EQ(server.counters().crashed, 1u);
#endif
    EXPECT_TRUE(good.echoes());
    client next(server);
    EXPECT_TRUE(next.echoes());
    EXPECT_EQ(server.stop(), "ended");
}

TEST(serve_process, gives_each_client_a_process_of_its_own) {
    server_process server(model::process);
    client first(server);
    client second(server);
    first.send(command_process_id);
    second.send(command_process_id);
    const std::set<std::string> pids{first.receive(), second.receive(),
                                     std::to_string(server.pid())};
    EXPECT_EQ(pids.size(), 3u);
    EXPECT_EQ(server.stop(), "ended");
}

TEST(serve_process, child_has_no_descriptor_but_its_clients) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);  // not close-on-exec, so inherited by all that is forked
    server_process server(model::process);
    client other(server);
    EXPECT_TRUE(other.echoes());
    client c(server);
    c.send(command_descriptors);
    const std::string descriptors = c.receive();
    EXPECT_TRUE(descriptors.starts_with("0 1 2 ")) << descriptors;
    EXPECT_EQ(std::ranges::count(descriptors, ' '), 3) << descriptors;
    EXPECT_EQ(server.stop(), "ended");
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(serve_process, child_keeps_the_descriptors_that_it_is_told_to) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    server_process server(model::process, {.keep_descriptors = {ends[1]}});
    client c(server);
    c.send(command_descriptors);
    const std::string descriptors = " " + c.receive() + " ";
    EXPECT_NE(descriptors.find(" " + std::to_string(ends[1]) + " "), std::string::npos);
    EXPECT_EQ(descriptors.find(" " + std::to_string(ends[0]) + " "), std::string::npos);
    EXPECT_EQ(server.stop(), "ended");
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST(serve_process, leaves_no_zombie) {
    server_process server(model::process);
    for (int round = 0; round < 5; ++round) {
        std::vector<client> clients;
        for (int i = 0; i < 20; ++i) {
            clients.emplace_back(server);
            EXPECT_TRUE(clients.back().echoes());
        }
    }
    EXPECT_TRUE(eventually([&] { return server.counters().completed == 100; }));
    EXPECT_EQ(children_of(server.pid()), "");
    EXPECT_EQ(server.stop(), "ended");
}

TEST(serve_process, children_die_with_their_parent) {
    server_process server(model::process);
    client c(server);
    EXPECT_TRUE(c.echoes());
    ::kill(server.pid(), SIGKILL);
    EXPECT_EQ(server.wait(), "signal 9");
    EXPECT_EQ(c.receive_all(), "");
}

// The thread model.

TEST(serve_thread, honours_the_stack_size) {
    server_process server(model::thread, {.thread_stack_size = std::size_t{1} << 20});
    client c(server);
    c.send(command_stack_size);
    EXPECT_EQ(c.receive(), std::to_string(std::size_t{1} << 20));
    EXPECT_EQ(server.stop(), "ended");
}

TEST(serve_thread, rounds_tiny_stacks_up) {
    server_process server(model::thread, {.thread_stack_size = 1});
    client c(server);
    EXPECT_TRUE(c.echoes());
    EXPECT_EQ(server.stop(), "ended");
}

// The fiber model.

TEST(serve_fiber, has_a_name_for_reports) {
    server_process server(model::fiber);
    client c(server);
    c.send(command_fiber_name);
    EXPECT_EQ(c.receive(), "client");
    EXPECT_EQ(server.stop(), "ended");
}

// Fibers and coroutines on a runtime that is there already.

void echo(connection& c) {
    std::array<std::byte, 64> buffer;
    for (auto n = c.read(buffer); n && *n != 0; n = c.read(buffer)) {
        if (!c.write(std::span(buffer).first(*n))) {
            return;
        }
    }
}

task<> echo_coroutine(async_connection& c) {
    std::array<std::byte, 64> buffer;
    for (auto n = co_await c.read(buffer); n && *n != 0; n = co_await c.read(buffer)) {
        if (!co_await c.write(std::span(buffer).first(*n))) {
            co_return;
        }
    }
}

class serve_here : public ::testing::TestWithParam<model> {};

INSTANTIATE_TEST_SUITE_P(each, serve_here, ::testing::Values(model::fiber, model::coroutine),
                         [](const auto& each) { return std::string(to_string(each.param)); });

TEST_P(serve_here, uses_the_runtime_of_the_fiber_that_calls) {
    serve_counters counters;
    const auto end = run([&] {
        listener from = listener::bind(endpoint::loopback(0)).value();
        const endpoint at = from.local_endpoint().value();
        std::stop_source stop;
        fiber visitor([&] {
            socket s = connect(at, 10s).value();
            const std::array<std::byte, 3> sent{std::byte{1}, std::byte{2}, std::byte{3}};
            std::array<std::byte, 8> got{};
            EXPECT_TRUE(s.write(sent, 10s));
            EXPECT_EQ(s.read(got, 10s).value_or(0), 3u);
            stop.request_stop();
            EXPECT_EQ(s.read(got, 10s).value_or(99), 0u);
        });
        const serve_options options{.stop = stop.get_token(), .counters = &counters};
        const auto served = GetParam() == model::fiber ? serve(from, model::fiber, echo, options)
                                                       : serve(from, echo_coroutine, options);
        visitor.join();
        return served;
    });
    EXPECT_TRUE(end.has_value());
    EXPECT_EQ(counters.completed, 1u);
}

// What it says about calls that make no sense.

TEST(serve_errors, are_reported_at_once) {
    listener from = listener::bind(endpoint::loopback(0)).value();
    EXPECT_EQ(serve(from, model::coroutine, echo).error(), std::errc::invalid_argument);
    EXPECT_EQ(serve(from, model::thread, handler()).error(), std::errc::invalid_argument);
    EXPECT_EQ(serve(from, async_handler()).error(), std::errc::invalid_argument);
    serve_options too_many;
    too_many.runtime.workers = 1'000'000;
    EXPECT_EQ(serve(from, model::fiber, echo, too_many).error(), std::errc::invalid_argument);
    from.close();
    for (const model which : {model::process, model::thread, model::fiber}) {
        EXPECT_EQ(serve(from, which, echo).error(), std::errc::bad_file_descriptor);
    }
    EXPECT_EQ(serve(from, echo_coroutine).error(), std::errc::bad_file_descriptor);
}

TEST(serve_errors, processes_and_threads_are_not_for_fibers) {
    run([] {
        listener from = listener::bind(endpoint::loopback(0)).value();
        for (const model which : {model::process, model::thread}) {
            EXPECT_EQ(serve(from, which, echo).error(), std::errc::operation_not_permitted);
        }
        EXPECT_EQ(serve(from, model::fiber, echo, {.handle_signals = true}).error(),
                  std::errc::operation_not_permitted);
    });
}

TEST(serve_names, go_both_ways) {
    for (const model which : {model::process, model::thread, model::fiber, model::coroutine}) {
        EXPECT_EQ(parse_model(to_string(which)), which);
    }
    EXPECT_EQ(parse_model("goroutine").error(), std::errc::invalid_argument);
    EXPECT_EQ(parse_model("").error(), std::errc::invalid_argument);
}

}  // namespace
}  // namespace weft::serving::testing
