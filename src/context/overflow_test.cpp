// SPDX-License-Identifier: Apache-2.0
#include "context/overflow.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>

#include "base/assert.h"
#include "context/strand_for_test.h"

namespace weft::context {
namespace {

/// What the layer above knows: the strand that runs.
strand* running = nullptr;

bool running_bounds(stack_bounds& bounds) noexcept {
    if (running == nullptr) {
        return false;
    }
    bounds = {running->memory().base, running->guard_size(), running->memory().size};
    return true;
}

unsigned long running_name(char* buffer, unsigned long size) noexcept {
    constexpr std::string_view name = "fiber 'deep' (#7)";
    if (running == nullptr || size < name.size()) {
        return 0;
    }
    std::memcpy(buffer, name.data(), name.size());
    return name.size();
}

void prepare() {
    base::set_describe_current(&running_name);
    set_current_stack_hook(&running_bounds);
    install_overflow_handler();
}

/// Frames much smaller than a page, so that the guard is hit and not jumped over.
[[gnu::noinline]] int recurse(int depth) {
    volatile char frame[256];
    frame[depth % 256] = static_cast<char>(depth);
    const int deeper = depth == -1 ? 0 : recurse(depth + 1);
    return deeper + frame[depth % 256];
}

void run_in_strand(std::size_t stack_size, void (*body)()) {
    strand s([body](strand&) { body(); }, stack_size);
    running = &s;
    s.resume();
    running = nullptr;
}

void* page_without_access() {
    return ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

char read_byte(void* where) {
    return *static_cast<volatile char*>(where);
}

TEST(overflow_death_test, reports_name_and_size) {
    EXPECT_DEATH(
        {
            const signal_stack signals;
            prepare();
            run_in_strand(std::size_t{64} * 1024, [] { recurse(0); });
        },
        "weft: fiber 'deep' \\(#7\\) overflowed its stack of 64 KiB at address 0x[0-9a-f]+ ");
}

TEST(overflow_death_test, reports_on_any_thread_that_has_a_signal_stack) {
    EXPECT_DEATH(
        {
            prepare();
            std::thread([] {
                const signal_stack signals;
                run_in_strand(std::size_t{256} * 1024, [] { recurse(0); });
            }).join();
        },
        "weft: fiber 'deep' \\(#7\\) overflowed its stack of 256 KiB");
}

void previous_handler(int, siginfo_t* info, void*) {
    constexpr std::string_view text = "the handler from before ran\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    ::_exit(info->si_addr != nullptr ? 42 : 43);
}

void install_previous() {
    struct sigaction action{};
    action.sa_sigaction = &previous_handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigaction(SIGSEGV, &action, nullptr);
}

TEST(overflow_death_test, another_fault_goes_to_the_previous_handler) {
    EXPECT_EXIT(
        {
            const signal_stack signals;
            install_previous();
            prepare();
            run_in_strand(std::size_t{64} * 1024, [] { read_byte(page_without_access()); });
        },
        ::testing::ExitedWithCode(42), "^the handler from before ran");
}

TEST(overflow_death_test, an_overflow_reaches_the_previous_handler_after_the_report) {
    EXPECT_EXIT(
        {
            const signal_stack signals;
            install_previous();
            prepare();
            run_in_strand(std::size_t{64} * 1024, [] { recurse(0); });
        },
        ::testing::ExitedWithCode(42), "overflowed its stack of 64 KiB.*\n?.*handler from before");
}

void* faulty_page = nullptr;

void mending_handler(int) {
    ::mprotect(faulty_page, 4096, PROT_READ | PROT_WRITE);
}

TEST(overflow_death_test, a_previous_handler_may_mend_the_fault) {
    EXPECT_EXIT(
        {
            const signal_stack signals;
            struct sigaction action{};
            action.sa_handler = &mending_handler;
            ::sigaction(SIGSEGV, &action, nullptr);
            prepare();
            faulty_page = page_without_access();
            run_in_strand(std::size_t{64} * 1024, [] { read_byte(faulty_page); });
            faulty_page = page_without_access();
            ::_exit(read_byte(faulty_page) == 0 ? 5 : 6);
        },
        ::testing::ExitedWithCode(5), "");
}

void reset_to_default() {
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    ::sigaction(SIGSEGV, &action, nullptr);
}

TEST(overflow_death_test, a_fault_that_nobody_handles_names_the_fiber_and_kills) {
    EXPECT_EXIT(
        {
            const signal_stack signals;
            reset_to_default();
            prepare();
            run_in_strand(std::size_t{64} * 1024, [] { read_byte(page_without_access()); });
        },
        ::testing::KilledBySignal(SIGSEGV), "weft: SIGSEGV in fiber 'deep' \\(#7\\) at address 0x");
}

TEST(overflow_death_test, a_fault_outside_of_fibers_is_not_reported) {
    EXPECT_EXIT(
        {
            reset_to_default();
            prepare();
            read_byte(page_without_access());
        },
        ::testing::KilledBySignal(SIGSEGV), "^$");
}

TEST(overflow_death_test, a_signal_that_was_sent_kills_as_before) {
    EXPECT_EXIT(
        {
            reset_to_default();
            prepare();
            run_in_strand(std::size_t{64} * 1024, [] { ::raise(SIGSEGV); });
        },
        ::testing::KilledBySignal(SIGSEGV), "SIGSEGV in fiber 'deep' \\(#7\\), sent by process");
}

TEST(overflow_death_test, a_sent_signal_that_is_ignored_stays_ignored) {
    EXPECT_DEATH(
        {
            const signal_stack signals;
            struct sigaction action{};
            action.sa_handler = SIG_IGN;
            ::sigaction(SIGSEGV, &action, nullptr);
            prepare();
            ::raise(SIGSEGV);
            ::raise(SIGSEGV);
            run_in_strand(std::size_t{64} * 1024, [] { recurse(0); });
        },
        "overflowed its stack of 64 KiB");
}

TEST(signal_stack, keeps_one_that_is_there) {
    std::thread([] {
        const signal_stack first;
        stack_t before{};
        ASSERT_EQ(::sigaltstack(nullptr, &before), 0);
        EXPECT_EQ(before.ss_flags & SS_DISABLE, 0);
        EXPECT_GE(before.ss_size, 64u * 1024 / 2);
        {
            const signal_stack second;
            stack_t during{};
            ASSERT_EQ(::sigaltstack(nullptr, &during), 0);
            EXPECT_EQ(during.ss_sp, before.ss_sp);
        }
        stack_t after{};
        ASSERT_EQ(::sigaltstack(nullptr, &after), 0);
        EXPECT_EQ(after.ss_sp, before.ss_sp);
        EXPECT_EQ(after.ss_flags & SS_DISABLE, 0);
    }).join();
}

}  // namespace
}  // namespace weft::context
