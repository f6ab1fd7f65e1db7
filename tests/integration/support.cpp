// SPDX-License-Identifier: Apache-2.0
#include "support.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

#include <gtest/gtest.h>

namespace weft::testing {

namespace {

/// The state of a kernel thread, as the kernel's one letter says it; '?' if it has ended, which
/// reading an open file may find, too.
char state_of(pid_t tid) {
    std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/stat");
    std::string text;
    std::getline(file, text);  // unlike an iterator of the buffer, it does not throw
    const std::size_t end_of_name = text.rfind(')');
    return end_of_name + 2 < text.size() ? text[end_of_name + 2] : '?';
}

rlimit descriptor_limits() {
    rlimit limits{};
    ::getrlimit(RLIMIT_NOFILE, &limits);
    return limits;
}

void set_descriptor_limit(std::size_t limit) {
    rlimit limits = descriptor_limits();
    limits.rlim_cur = limit;
    ::setrlimit(RLIMIT_NOFILE, &limits);
}

}  // namespace

bool until_asleep(pid_t tid) {
    return eventually([tid] { return state_of(tid) == 'S'; });
}

bool until_all_others_sleep() {
    return eventually([] {
        const std::filesystem::directory_iterator all("/proc/self/task");
        return std::all_of(begin(all), end(all), [](const auto& entry) {
            const pid_t tid = std::stoi(entry.path().filename().string());
            return tid == ::gettid() || state_of(tid) == 'S';
        });
    });
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    // The iterator's own is one of them.
    return static_cast<std::size_t>(std::distance(begin(all), end(all))) - 1;
}

no_descriptors_left::no_descriptors_left() : limit_before_(descriptor_limits().rlim_cur) {
    // Not 0: poll() refuses more entries than that.
    const int lowest_free = ::fcntl(0, F_DUPFD_CLOEXEC, 0);
    ::close(lowest_free);
    set_descriptor_limit(static_cast<std::size_t>(std::max(lowest_free, 1)));
}

no_descriptors_left::~no_descriptors_left() {
    set_descriptor_limit(limit_before_);
}

namespace {

std::atomic<long> storm_signals = 0;

void interrupt_all_others() {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
        const pid_t tid = std::stoi(entry.path().filename().string());
        if (tid != ::gettid()) {
            ::tgkill(::getpid(), tid, SIGUSR1);
        }
    }
}

}  // namespace

signal_storm::signal_storm() {
    // Stays: signals may be under way when the storm is over.
    static const bool installed = [] {
        struct sigaction handler{};
        handler.sa_handler = [](int) { storm_signals.fetch_add(1, std::memory_order_relaxed); };
        return ::sigaction(SIGUSR1, &handler, nullptr) == 0;  // without SA_RESTART
    }();
    EXPECT_TRUE(installed);
    sender_ = std::thread([this] {
        while (!stop_) {
            interrupt_all_others();
            std::this_thread::sleep_for(std::chrono::microseconds(100));
        }
    });
}

signal_storm::~signal_storm() {
    stop_ = true;
    sender_.join();
    EXPECT_GT(storm_signals, 0);
}

}  // namespace weft::testing
