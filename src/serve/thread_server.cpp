// SPDX-License-Identifier: Apache-2.0
#include "serve/thread_server.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "serve/acceptor.h"
#include "serve/server_state.h"
#include "serve/signal_watcher.h"
#include "serve/stop_event.h"

namespace weft::serving {

namespace {

/// The attribute of the threads: stack size only.
class thread_attributes {
public:
    explicit thread_attributes(std::size_t stack_size) {
        ::pthread_attr_init(&attributes_);
        if (stack_size != 0) {
            const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
            const auto least = static_cast<std::size_t>(PTHREAD_STACK_MIN);
            const std::size_t wanted = std::max(stack_size, least);
            error_ = ::pthread_attr_setstacksize(&attributes_, (wanted + page - 1) / page * page);
        }
    }
    thread_attributes(const thread_attributes&) = delete;
    thread_attributes& operator=(const thread_attributes&) = delete;
    ~thread_attributes() { ::pthread_attr_destroy(&attributes_); }

    [[nodiscard]] int error() const noexcept { return error_; }
    [[nodiscard]] const pthread_attr_t* get() const noexcept { return &attributes_; }

private:
    pthread_attr_t attributes_{};
    int error_ = 0;
};

/// The threads that run, and the one that has finished and is not joined yet.
class thread_group {
public:
    ~thread_group() { wait_until(base::time_never); }

    /// Before a thread is created; undone by ended() if that fails.
    void about_to_start() noexcept {
        const std::lock_guard guard(mutex_);
        ++running_;
    }

    void not_started() noexcept {
        const std::lock_guard guard(mutex_);
        --running_;
    }

    /// The last act of a thread, on that thread.
    void ended() noexcept {
        std::optional<pthread_t> before;
        {
            const std::lock_guard guard(mutex_);
            before = std::exchange(finished_, ::pthread_self());
            if (--running_ == 0) {
                all_ended_.notify_all();
            }
        }
        if (before) {
            ::pthread_join(*before, nullptr);
        }
    }

    /// True when no thread is left, false at the deadline.
    bool wait_until(base::nanoseconds_t deadline_ns) noexcept {
        std::unique_lock guard(mutex_);
        const auto none_runs = [this] { return running_ == 0; };
        if (deadline_ns == base::time_never) {
            all_ended_.wait(guard, none_runs);
        } else if (!all_ended_.wait_until(guard,
                                          clock::time_point(std::chrono::nanoseconds(deadline_ns)),
                                          none_runs)) {
            return false;
        }
        // It joins the one that finished before it, which joins the one before that: when it has
        // been joined, all have.
        const std::optional<pthread_t> last = std::exchange(finished_, std::nullopt);
        guard.unlock();
        if (last) {
            ::pthread_join(*last, nullptr);
        }
        return true;
    }

private:
    std::mutex mutex_;
    std::condition_variable all_ended_;
    std::size_t running_ = 0;
    std::optional<pthread_t> finished_;
};

class thread_server {
public:
    thread_server(io::poll_descriptor& listener, const handler& serve_client,
                  const serve_options& options, const stop_event& stop)
        : listener_(listener),
          serve_client_(serve_client),
          options_(options),
          state_(options),
          attributes_(options.thread_stack_size),
          stop_(stop) {}

    result<void> run(const std::stop_token& force);

private:
    struct start {
        thread_server& server;
        base::unique_fd client;
    };

    bool wait(bool for_clients, base::nanoseconds_t timeout);
    result<void> accept_some();
    void start_thread(base::unique_fd client);
    static void* thread_main(void* argument) noexcept;
    void drain(const std::stop_token& force);

    io::poll_descriptor& listener_;
    const handler& serve_client_;
    const serve_options& options_;
    server_state state_;
    thread_attributes attributes_;
    const stop_event& stop_;
    overload overload_;
    thread_group threads_;
    bool stop_requested_ = false;
};

result<void> thread_server::run(const std::stop_token& force) {
    if (attributes_.error() != 0) {
        return base::fail(attributes_.error(), "serve");
    }
    result<void> end;
    while (!stop_requested_ && end) {
        if (wait(true, base::time_never)) {
            end = accept_some();
        }
    }
    drain(force);
    return end;
}

/// Waits for a client (true if there may be one), the stop or the time.
bool thread_server::wait(bool for_clients, base::nanoseconds_t timeout) {
    std::array<pollfd, 2> set{
        {{.fd = stop_.native_handle(), .events = POLLIN, .revents = 0},
         {.fd = for_clients ? listener_.fd() : -1, .events = POLLIN, .revents = 0}}};
    const timespec time{.tv_sec = timeout / 1'000'000'000, .tv_nsec = timeout % 1'000'000'000};
    if (::ppoll(set.data(), set.size(), timeout == base::time_never ? nullptr : &time, nullptr) <
        0) {
        return false;
    }
    stop_requested_ = set[0].revents != 0;
    return set[1].revents != 0;
}

result<void> thread_server::accept_some() {
    constexpr int at_a_time = 16;  // before the stop is looked at again
    for (int i = 0; i < at_a_time; ++i) {
        const int fd = io::accept_once(listener_);
        if (fd >= 0) {
            overload_.recovered();
            start_thread(base::unique_fd(fd));
            continue;
        }
        switch (overload_.deal_with(-fd, listener_, io::accept_once, options_.refusal)) {
            case accept_failure::shed:
                state_.refused();
                break;
            case accept_failure::none_there:
                return {};
            case accept_failure::pause:
                wait(false, overload_.next_pause());
                return {};
            case accept_failure::fatal:
                return base::fail(-fd, "serve");
        }
    }
    return {};
}

void thread_server::start_thread(base::unique_fd client) {
    if (!state_.try_admit()) {
        state_.refused();
        refuse(std::move(client), options_.refusal);
        return;
    }
    start* const argument = new (std::nothrow) start{*this, std::move(client)};
    if (argument == nullptr) {
        state_.turned_away();
        return;  // without memory, without words
    }
    threads_.about_to_start();
    pthread_t thread{};
    if (::pthread_create(&thread, attributes_.get(), thread_main, argument) != 0) {
        threads_.not_started();  // EAGAIN: no more threads, or no memory for the stack
        state_.turned_away();
        refuse(std::move(argument->client), options_.refusal);
        delete argument;
    }
}

void* thread_server::thread_main(void* argument) noexcept {
    start* const started = static_cast<start*>(argument);
    thread_server& server = started->server;
    base::unique_fd client = std::move(started->client);
    delete started;
    const outcome how =
        server.state_.serve(server.serve_client_, std::move(client), server.listener_.proto());
    server.state_.finished(how);
    server.threads_.ended();
    return nullptr;
}

void thread_server::drain(const std::stop_token& force) {
    const base::nanoseconds_t end = deadline(options_.drain).nanoseconds();
    state_.begin_drain();
    const std::stop_callback at_once(force, [this] { state_.force(); });
    if (!threads_.wait_until(end)) {
        state_.force();
        threads_.wait_until(base::time_never);
    }
}

}  // namespace

result<void> serve_threads(listener& from, const handler& serve_client,
                           const serve_options& options) {
    const listener_use listening(from);
    if (listening.error() != 0) {
        return base::fail(listening.error(), "serve");
    }
    auto watcher = signal_watcher::make(options);
    if (!watcher) {
        return base::fail(watcher.error(), "serve");
    }
    auto stop = stop_event::make((*watcher)->stop());
    if (!stop) {
        return base::fail(stop.error(), "serve");
    }
    thread_server server(listening.descriptor(), serve_client, options, **stop);
    return server.run((*watcher)->force());
}

}  // namespace weft::serving
