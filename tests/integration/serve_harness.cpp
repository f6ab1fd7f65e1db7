// SPDX-License-Identifier: Apache-2.0
#include "serve_harness.h"

#include <dirent.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <weft/fiber.h>

namespace weft::serving::testing {

namespace {

using namespace std::chrono_literals;

constexpr auto patience = 10s;
constexpr std::size_t message_size = 256;
constexpr auto handler_deadline = 20ms;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string open_descriptors() {
    std::vector<int> numbers;
    DIR* const folder = ::opendir("/proc/self/fd");
    while (const dirent* const entry = ::readdir(folder)) {
        const int number = std::atoi(entry->d_name);
        if (entry->d_name[0] != '.' && number != ::dirfd(folder)) {
            numbers.push_back(number);
        }
    }
    ::closedir(folder);
    std::ranges::sort(numbers);
    std::string text;
    for (const int number : numbers) {
        text += (text.empty() ? "" : " ") + std::to_string(number);
    }
    return text;
}

std::string kernel_thread_stack_size() {
    pthread_attr_t attributes;
    std::size_t size = 0;
    ::pthread_getattr_np(::pthread_self(), &attributes);
    ::pthread_attr_getstacksize(&attributes, &size);
    ::pthread_attr_destroy(&attributes);
    return std::to_string(size);
}

[[gnu::noinline]] void write_to_nowhere() {
    volatile std::uintptr_t address = 8;
    *reinterpret_cast<volatile int*>(address) = 1;  // NOLINT(performance-no-int-to-ptr)
}

/// The commands that need no waiting: the answer, or what they do instead of returning.
std::string obey(std::string_view message) {
    switch (message.front()) {
        case command_throw:
            throw std::runtime_error("as told");
        case command_segv:
            write_to_nowhere();
            return "still here";
        case command_abort:
            std::abort();
        case command_descriptors:
            return open_descriptors();
        case command_stack_size:
            return kernel_thread_stack_size();
        case command_process_id:
            return std::to_string(::getpid());
        case command_fiber_name:
            return std::string(this_fiber::name());
        default:
            return std::string(message);
    }
}

}  // namespace

void scripted(connection& c) {
    std::array<std::byte, message_size> buffer;
    for (;;) {
        const auto n = c.read(buffer);
        if (!n || *n == 0) {
            return;
        }
        const std::string_view message = text_of(std::span(buffer).first(*n));
        std::string answer;
        switch (message.front()) {
            case command_leave:
                return;
            case command_await_stop:
                while (!c.stopping()) {
                    this_fiber::sleep_for(1ms);
                }
                answer = "bye";
                break;
            case command_ignore_stop:
                while (c.write(bytes_of("on"))) {
                    this_fiber::sleep_for(1ms);
                }
                return;
            case command_token: {
                const std::stop_token token = c.stop_token();
                static_cast<void>(c.write(bytes_of("waits")));
                while (!token.stop_requested()) {
                    this_fiber::sleep_for(1ms);
                }
                answer = "token";
                break;
            }
            case command_deadline: {
                c.set_deadline(handler_deadline);
                const auto late = c.read(buffer);
                c.set_deadline(deadline::never());
                answer = late ? "no error" : late.error().message();
                break;
            }
            default:
                answer = obey(message);
        }
        if (!c.write(bytes_of(answer))) {
            return;
        }
    }
}

task<> scripted_coroutine(async_connection& c) {
    std::array<std::byte, message_size> buffer;
    for (;;) {
        const auto n = co_await c.read(buffer);
        if (!n || *n == 0) {
            co_return;
        }
        const std::string_view message = text_of(std::span(buffer).first(*n));
        std::string answer;
        switch (message.front()) {
            case command_leave:
                co_return;
            case command_await_stop:
                while (!c.stopping()) {
                    co_await co::sleep_for(1ms);
                }
                answer = "bye";
                break;
            case command_ignore_stop:
                while (co_await c.write(bytes_of("on"))) {
                    co_await co::sleep_for(1ms);
                }
                co_return;
            case command_token: {
                const std::stop_token token = c.stop_token();
                static_cast<void>(co_await c.write(bytes_of("waits")));
                while (!token.stop_requested()) {
                    co_await co::sleep_for(1ms);
                }
                answer = "token";
                break;
            }
            case command_deadline: {
                c.set_deadline(handler_deadline);
                const auto late = co_await c.read(buffer);
                c.set_deadline(deadline::never());
                answer = late ? "no error" : late.error().message();
                break;
            }
            default:
                answer = obey(message);
        }
        if (!co_await c.write(bytes_of(answer))) {
            co_return;
        }
    }
}

bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(200us);
    }
    return true;
}

namespace {

serve_counters* make_shared_counters() {
    void* const memory = ::mmap(nullptr, sizeof(serve_counters), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        throw std::runtime_error("no shared memory");
    }
    return ::new (memory) serve_counters;
}

/// In the server's process: 0 if serve() ended well, 2 if it did not.
int serve_until_stopped(listener& from, model which, const serve_options& options) {
    const result<void> end = which == model::coroutine ? serve(from, scripted_coroutine, options)
                                                       : serve(from, which, scripted, options);
    if (!end) {
        std::fprintf(stderr, "serve: %s\n", end.error().message().c_str());
        return 2;
    }
    return 0;
}

}  // namespace

server_process::server_process(model which, serve_options options, std::optional<endpoint> at,
                               const std::function<void(serve_options&)>& prepare)
    : counters_(make_shared_counters()) {
    auto bound = listener::bind(at.value_or(endpoint::loopback(0)));
    if (!bound) {
        throw std::system_error(bound.error(), "bind");
    }
    listener_ = std::move(*bound);
    address_ = listener_.local_endpoint().value();
    std::fflush(nullptr);
    // Blocked before the fork, so that an early SIGTERM waits until the server takes it.
    sigset_t terminate;
    sigset_t before;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &terminate, &before);
    pid_ = ::fork();
    if (pid_ == 0) {
        options.counters = counters_;
        options.handle_signals = true;
        if (prepare) {
            prepare(options);
        }
        std::_Exit(serve_until_stopped(listener_, which, options));
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    listener_.close();
}

server_process::~server_process() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        wait();
    }
    ::munmap(counters_, sizeof(serve_counters));
}

void server_process::request_stop() const {
    ::kill(pid_, SIGTERM);
}

std::string server_process::stop() {
    request_stop();
    return wait();
}

std::string server_process::wait() {
    int status = 0;
    if (!eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; })) {
        return "does not end";
    }
    pid_ = -1;
    if (WIFSIGNALED(status)) {
        return "signal " + std::to_string(WTERMSIG(status));
    }
    return WEXITSTATUS(status) == 0 ? "ended" : "status " + std::to_string(WEXITSTATUS(status));
}

std::chrono::milliseconds server_process::cpu_time() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    std::string line;
    std::getline(file, line);
    std::istringstream fields(line.substr(line.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) {
        fields >> skipped;
    }
    long user = 0;
    long system = 0;
    fields >> user >> system;
    return std::chrono::milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

client::client(const server_process& server) {
    auto connected = connect(server.address(), patience);
    if (!connected) {
        throw std::system_error(connected.error(), "connect");
    }
    socket_ = std::move(*connected);
}

void client::send(std::string_view text) {
    static_cast<void>(socket_.write(bytes_of(text), patience));
}

std::string client::receive() {
    std::array<std::byte, message_size> buffer;
    const auto n = socket_.read(buffer, patience);
    return n ? std::string(text_of(std::span(buffer).first(*n))) : "error: " + n.error().message();
}

std::string client::receive_all() {
    std::string all;
    for (std::string part = receive(); !part.empty(); part = receive()) {
        all += part;
        if (part.starts_with("error: ")) {
            break;
        }
    }
    return all;
}

bool client::echoes(std::string_view text) {
    send(text);
    return receive() == text;
}

void client::reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    socket_.close();
}

}  // namespace weft::serving::testing
