// SPDX-License-Identifier: Apache-2.0
#include "handlers.h"

#include "numbers.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <time.h>

#include <weft/co.h>
#include <weft/fiber.h>

namespace weft::lab {

namespace {

struct named_work {
    std::string_view name;
    work_kind kind;
    std::uint64_t most;
};

constexpr std::array works{
    named_work{"echo", work_kind::echo, 0},
    named_work{"compute", work_kind::compute, most_work_us},
    named_work{"sleep", work_kind::sleep, most_work_us},
    named_work{"alloc", work_kind::alloc, most_work_kib},
};

/// Larger messages are read into the heap: a fiber's stack is 64 KiB.
constexpr std::size_t most_on_stack = 512;
constexpr std::size_t page = 4096;

std::int64_t thread_cpu_ns() noexcept {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// CPU time, not time: on a loaded machine the clock runs while others compute.
void compute(std::uint64_t microseconds) noexcept {
    const std::int64_t end = thread_cpu_ns() + static_cast<std::int64_t>(microseconds) * 1000;
    volatile std::uint64_t sink = 1;
    while (thread_cpu_ns() < end) {
        std::uint64_t mixed = sink;
        for (int i = 0; i < 256; ++i) {
            mixed = mixed * 6364136223846793005U + 1442695040888963407U;
        }
        sink = mixed;
    }
}

/// Writes to each page, so that the memory is really there.
void touch(std::byte* memory, std::size_t size) noexcept {
    for (std::size_t i = 0; i < size; i += page) {
        *static_cast<volatile std::byte*>(memory + i) = std::byte{1};
    }
}

void allocate(std::uint64_t kib) {
    const auto size = static_cast<std::size_t>(kib) * 1024;
    const auto memory = std::make_unique_for_overwrite<std::byte[]>(size);
    touch(memory.get(), size);
}

/// All kinds of work that do not wait.
void do_work(const work& what) {
    if (what.kind == work_kind::compute) {
        compute(what.amount);
    } else if (what.kind == work_kind::alloc) {
        allocate(what.amount);
    }
}

/// Of `have` bytes, moves what is behind the message to the front; returns how much.
std::size_t keep_rest(std::span<std::byte> buffer, std::size_t size, std::size_t have) noexcept {
    std::memmove(buffer.data(), buffer.data() + size, have - size);
    return have - size;
}

/// `buffer` has room for a message and one byte: a read that does not fill it says that the socket
/// is empty, and the next one waits at once. Without that byte each request costs a second recv.
void serve_messages(connection& client, const work& what, std::size_t size,
                    std::span<std::byte> buffer) {
    const auto message = buffer.first(size);
    for (std::size_t have = 0;; have = keep_rest(buffer, size, have)) {
        while (have < size) {
            const auto n = client.read(buffer.subspan(have));
            if (!n || *n == 0) {
                return;
            }
            have += *n;
        }
        obey(poison_of(message));
        if (what.kind == work_kind::sleep) {
            this_fiber::sleep_for(std::chrono::microseconds(what.amount));
        } else {
            do_work(what);
        }
        if (!client.write(message)) {
            return;
        }
    }
}

// Not a lambda with captures: a coroutine's captures die with the lambda, its arguments do not.
task<> serve_messages(async_connection& client, work what, std::size_t size) {
    std::vector<std::byte> buffer(size + 1);
    const auto message = std::span(buffer).first(size);
    for (std::size_t have = 0;; have = keep_rest(buffer, size, have)) {
        while (have < size) {
            const auto n = co_await client.read(std::span(buffer).subspan(have));
            if (!n || *n == 0) {
                co_return;
            }
            have += *n;
        }
        obey(poison_of(message));
        if (what.kind == work_kind::sleep) {
            co_await co::sleep_for(std::chrono::microseconds(what.amount));
        } else {
            do_work(what);
        }
        const auto written = co_await client.write(message);
        if (!written) {
            co_return;
        }
    }
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winfinite-recursion"  // that is the bug which is asked for
[[gnu::noinline]] int recurse(int depth) {             // NOLINT(misc-no-recursion)
    volatile char frame[1024];
    frame[0] = static_cast<char>(depth);
    return recurse(depth + 1) + frame[0];
}
#pragma GCC diagnostic pop

}  // namespace

std::expected<work, std::string> parse_work(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    const auto* const found = std::ranges::find(works, name, &named_work::name);
    if (found == works.end()) {
        return std::unexpected("no handler '" + std::string(name) +
                               "': echo, compute:US, sleep:US or alloc:KB");
    }
    work what{.kind = found->kind};
    if (found->kind == work_kind::echo) {
        if (colon != std::string_view::npos) {
            return std::unexpected("the handler echo takes no number");
        }
        return what;
    }
    const auto amount = number_of<std::uint64_t>(
        colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1));
    if (!amount || *amount == 0 || *amount > found->most) {
        return std::unexpected("the handler " + std::string(name) + " takes a number from 1 to " +
                               std::to_string(found->most) + ", as in " + std::string(name) +
                               ":50");
    }
    what.amount = *amount;
    return what;
}

std::string to_string(const work& what) {
    const std::string name(works[std::to_underlying(what.kind)].name);
    return what.kind == work_kind::echo ? name : name + ":" + std::to_string(what.amount);
}

std::chrono::nanoseconds work_time(const work& what, std::uint64_t clients,
                                   std::uint64_t at_once) noexcept {
    const auto once = std::chrono::microseconds(what.amount);
    switch (what.kind) {
        case work_kind::echo:
            return {};
        case work_kind::sleep: {
            const std::uint64_t waves =
                (clients + at_once - 1) / std::max<std::uint64_t>(1, at_once);
            return once * waves;
        }
        case work_kind::compute:
        case work_kind::alloc:  // a KiB takes less than a microsecond, page faults included
            return once * clients;
    }
    return {};
}

handler make_handler(work what, std::size_t message_size) {
    if (message_size < most_on_stack) {
        return [what, message_size](connection& client) {
            std::array<std::byte, most_on_stack> buffer;
            serve_messages(client, what, message_size, std::span(buffer).first(message_size + 1));
        };
    }
    return [what, message_size](connection& client) {
        std::vector<std::byte> buffer(message_size + 1);
        serve_messages(client, what, message_size, buffer);
    };
}

async_handler make_async_handler(work what, std::size_t message_size) {
    return [what, message_size](async_connection& client) {
        return serve_messages(client, what, message_size);
    };
}

void obey(poison_kind poison) {
    switch (poison) {
        case poison_kind::none:
            return;
        case poison_kind::crash: {
            int* volatile nowhere = nullptr;  // volatile: the compiler must not see the bug
            // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the bug that is asked for
            *static_cast<volatile int*>(nowhere) = 1;
            return;
        }
        case poison_kind::overflow:
            recurse(0);
            return;
        case poison_kind::abort:
            std::abort();
        case poison_kind::leak: {
            auto* const lost = static_cast<std::byte*>(std::malloc(leaked_bytes_per_message));
            if (lost != nullptr) {
                touch(lost, leaked_bytes_per_message);
            }
            return;
        }
    }
}

}  // namespace weft::lab
