// SPDX-License-Identifier: Apache-2.0
#include "context/overflow.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "base/atomic.h"
#include "context/page_size.h"
#include "context/signal_action.h"

namespace weft::context {

namespace {

// Signal dispositions belong to the process, and so does what follows. Written once, before the
// handler is in place.
constinit base::atomic<current_stack_fn> current_stack{nullptr};
constinit base::atomic<bool> handler_installed{false};
constinit struct sigaction previous_segv{};
constinit struct sigaction previous_bus{};

/// Text in a fixed buffer; what does not fit is cut. Async-signal-safe.
class report {
public:
    void text(std::string_view s) noexcept {
        const std::size_t n = std::min(s.size(), buffer_.size() - used_);
        std::copy_n(s.data(), n, buffer_.data() + used_);
        used_ += n;
    }

    void number(std::uintptr_t value, unsigned radix = 10) noexcept {
        std::array<char, 20> digits;
        std::size_t first = digits.size();
        do {
            digits[--first] = "0123456789abcdef"[value % radix];
            value /= radix;
        } while (value != 0);
        text({digits.data() + first, digits.size() - first});
    }

    void address(const void* p) noexcept {
        text("0x");
        number(reinterpret_cast<std::uintptr_t>(p), 16);
    }

    void current() noexcept {
        std::array<char, 128> name;
        const std::size_t n = base::describe_current(name.data(), name.size());
        text(n != 0 ? std::string_view(name.data(), std::min(n, name.size())) : "a fiber");
    }

    void write() const noexcept { base::write_report(buffer_.data(), used_); }

private:
    std::array<char, 512> buffer_;
    std::size_t used_ = 0;
};

void report_overflow(const stack_bounds& bounds, const void* address) noexcept {
    report r;
    r.text("weft: ");
    r.current();
    r.text(" overflowed its stack of ");
    r.number(bounds.size / 1024);
    r.text(" KiB at address ");
    r.address(address);
    r.text(" (raise fiber_options::stack_size)\n");
    r.write();
}

void report_fault(int signal, const siginfo_t& info) noexcept {
    report r;
    r.text(signal == SIGBUS ? "weft: SIGBUS in " : "weft: SIGSEGV in ");
    r.current();
    if (info.si_code > 0) {
        r.text(" at address ");
        r.address(info.si_addr);
    } else {
        r.text(", sent by process ");
        r.number(static_cast<std::uintptr_t>(info.si_pid));
    }
    r.text("\n");
    r.write();
}

const struct sigaction& previous_of(int signal) noexcept {
    return signal == SIGBUS ? previous_bus : previous_segv;
}

/// A stack grows into its guard from above; what a large frame or an access beside the stack
/// pointer skips of it lies above the guard of the stack below, and is not told from other faults.
bool is_overflow(const stack_bounds& bounds, const siginfo_t& info) noexcept {
    const auto* const address = static_cast<const std::byte*>(info.si_addr);
    return info.si_code > 0 && address >= bounds.base && address < bounds.base + bounds.guard;
}

/// Lets the fault happen again under the action that was there before this one.
void step_aside(int signal, const siginfo_t& info) noexcept {
    ::sigaction(signal, &previous_of(signal), nullptr);
    if (info.si_code <= 0) {
        ::raise(signal);  // a signal that was sent does not repeat itself; pending until return
    }
}

void handle_fault(int signal, siginfo_t* info, void* machine) noexcept {
    const int saved_errno = errno;
    const struct sigaction& previous = previous_of(signal);
    const auto hook = current_stack.load(base::acquire);
    stack_bounds bounds;
    const bool on_fiber = hook != nullptr && hook(bounds);
    if (on_fiber && is_overflow(bounds, *info)) {
        report_overflow(bounds, info->si_addr);
        step_aside(signal, *info);
    } else if (is_function(previous)) {
        call(previous, signal, info, machine);
    } else if (info->si_code > 0 || previous.sa_handler != SIG_IGN) {
        if (on_fiber) {
            report_fault(signal, *info);
        }
        step_aside(signal, *info);
    }
    errno = saved_errno;
}

void install(int signal, struct sigaction& previous) noexcept {
    // Read first: a fault on another thread may run the handler as soon as it is in place.
    ::sigaction(signal, nullptr, &previous);
    struct sigaction action{};
    action.sa_sigaction = &handle_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(signal, &action, nullptr);
}

/// The kernel's frame with all vector registers (about 3 KiB with AVX-512, 11 KiB with AMX), and
/// room for handlers of others that come later. Address space; touched only when it happens.
std::size_t signal_stack_size() noexcept {
    constexpr std::size_t room = std::size_t{64} * 1024;
    const std::size_t page = page_size();
    const std::size_t wanted = ::getauxval(AT_MINSIGSTKSZ) + room;
    return (wanted + page - 1) / page * page;
}

}  // namespace

void set_current_stack_hook(current_stack_fn fn) noexcept {
    current_stack.store(fn, base::release);
}

void install_overflow_handler() noexcept {
    if (handler_installed.exchange(true, base::acq_rel)) {
        return;
    }
    install(SIGSEGV, previous_segv);
    install(SIGBUS, previous_bus);
}

signal_stack::signal_stack() noexcept {
    stack_t existing{};
    if (::sigaltstack(nullptr, &existing) == 0 && (existing.ss_flags & SS_DISABLE) == 0) {
        return;
    }
    const std::size_t guard = page_size();
    const std::size_t size = guard + signal_stack_size();
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED) {
        return;
    }
    ::mprotect(memory, guard, PROT_NONE);
    memory_ = static_cast<std::byte*>(memory);
    size_ = size;
    stack_t own{};
    own.ss_sp = memory_ + guard;
    own.ss_size = size - guard;
    ::sigaltstack(&own, nullptr);
}

signal_stack::~signal_stack() {
    if (memory_ == nullptr) {
        return;
    }
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
    ::munmap(memory_, size_);
}

}  // namespace weft::context
