// SPDX-License-Identifier: Apache-2.0
//
// No wake-up is lost: a sleeper queues its node, then looks at the word, both under the bucket's
// lock, with a fence between them; a waker changes the word, then looks for nodes. One of them sees
// the other.
//
// Nodes follow the rules of sync/wait_queue.h. A fiber's waiter stands in the node itself; who is
// no fiber, or must not park, brings a waiter of its own that lies beside the node.
//
// A forked child has one thread. Those who slept at the time of the fork() are not there, and a
// lock of the table may have been held by one who is not: the table is emptied. What the fiber that
// forked owns stays its own, though it is a plain thread in the child (sched/hooks.cpp): handlers
// of pthread_atfork() unlock there what they have locked before.
#include "posix/wait_table.h"

#include <pthread.h>

#include <array>
#include <cerrno>

#include "base/atomic.h"
#include "base/thread_block.h"
#include "posix/caller.h"
#include "sched/current.h"
#include "sched/waiter.h"
#include "sync/wait_queue.h"

namespace weft::posix {

namespace {

struct sleeper : sync::wait_node {
    sleeper(sched::waiter& waiter, bool only_signalled, const void* where) noexcept
        : wait_node(waiter, only_signalled), address(where) {}

    const void* const address;
};

struct alignas(64) bucket {
    sync::wait_queue queue;
    base::atomic<std::uint32_t> sleepers{0};
};

constexpr std::size_t bucket_bits = 8;
constinit std::array<bucket, 1u << bucket_bits> table;

bucket& bucket_of(const void* address) noexcept {
    // Fibonacci hashing: Knuth, The Art of Computer Programming, volume 3, section 6.4.
    const auto key = reinterpret_cast<std::uintptr_t>(address) >> 2;
    return table[(key * 0x9E37'79B9'7F4A'7C15u) >> (64 - bucket_bits)];
}

/// Takes the node out: whether it still stood there.
bool leave(bucket& here, sleeper& node) noexcept {
    const sync::queue_guard guard(here.queue);
    if (!node.queued) {
        return false;
    }
    sync::remove(here.queue, node);
    here.sleepers.fetch_sub(1, base::relaxed);
    return true;
}

/// 0 or ETIMEDOUT.
int park(bucket& here, sleeper& node, deadline until) noexcept {
    const sched::wake_reason reason = node.who->park(until.nanoseconds());
    if (!node.single_waker) {
        leave(here, node);
    }
    return reason == sched::wake_reason::timed_out ? ETIMEDOUT : 0;
}

/// `sleep(node)` with a node for who calls.
template <class Sleep>
int with_node(const void* address, deadline until, Sleep sleep) noexcept {
    if (may_park()) {
        sleeper node(sched::this_waiter(), until.is_never(), address);
        return sleep(node);
    }
    sched::thread_waiter self;
    sleeper node(self, until.is_never(), address);
    return sleep(node);
}

/// What the thread that has forked this process was.
struct fork_caller {
    const base::thread_block* thread = nullptr;
    const void* owner = nullptr;
};
constinit fork_caller forked;

void forget_others() noexcept {
    const void* const owner = current_owner();
    forked = {.thread = &base::this_thread_block(), .owner = owner};
    for (bucket& each : table) {
        each.queue = {};
        each.sleepers.store(0, base::relaxed);
    }
}

/// Before all others that may be registered: what they do in the child finds this done.
[[gnu::constructor(101)]] void watch_forks() noexcept {
    ::pthread_atfork(nullptr, nullptr, &forget_others);
}

}  // namespace

int wait_while(std::uint32_t& word, std::uint32_t expected, deadline until) noexcept {
    return with_node(&word, until, [&](sleeper& node) noexcept {
        bucket& here = bucket_of(&word);
        {
            const sync::queue_guard guard(here.queue);
            here.sleepers.fetch_add(1, base::seq_cst);
            if (__atomic_load_n(&word, __ATOMIC_SEQ_CST) != expected) {
                here.sleepers.fetch_sub(1, base::relaxed);
                return 0;
            }
            node.who->prepare();
            sync::push_back(here.queue, node);
        }
        return park(here, node, until);
    });
}

int wait_after(const std::uint32_t& word, deadline until, int (*let_go)(void*),
               void* argument) noexcept {
    return with_node(&word, until, [&](sleeper& node) noexcept {
        bucket& here = bucket_of(&word);
        {
            const sync::queue_guard guard(here.queue);
            here.sleepers.fetch_add(1, base::relaxed);
            node.who->prepare();
            sync::push_back(here.queue, node);
        }
        const int error = let_go(argument);
        if (error == 0) {
            return park(here, node, until);
        }
        if (leave(here, node)) {
            node.who->abandon();
        } else {
            park(here, node, until);
            wake_one(word);  // it was for another one
        }
        return error;
    });
}

void wake(const std::uint32_t& word, int count) noexcept {
    bucket& here = bucket_of(&word);
    if (here.sleepers.load(base::seq_cst) == 0) {
        return;
    }
    sync::wake_list woken;
    const sync::queue_guard guard(here.queue);
    sync::wait_node* const first = here.queue.head;
    sync::wait_node* node = first;
    while (node != nullptr && count > 0) {
        sync::wait_node* const next = node->next;
        const bool was_last = next == here.queue.head;
        if (static_cast<sleeper*>(node)->address == &word) {
            sync::remove(here.queue, *node);
            here.sleepers.fetch_sub(1, base::relaxed);
            count -= woken.add(*node) ? 1 : 0;
        }
        node = was_last ? nullptr : next;
    }
}

const void* current_owner() noexcept {
    const base::thread_block& here = base::this_thread_block();
    if (here.fiber != nullptr) {
        return here.fiber;
    }
    return &here == forked.thread ? forked.owner : &here;
}

}  // namespace weft::posix
