// SPDX-License-Identifier: Apache-2.0
//
// fifo and round_robin against a deque.
#include <weft/fair_queue.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "fair_fixture.h"
#include "random_run.h"

namespace weft {
namespace {

/// Who runs stands at the front; when its turn is over it goes to the end.
class naive_line {
public:
    explicit naive_line(std::uint64_t slice) : slice_(slice) {}

    void add(task& t) { line_.push_back(&t); }
    void remove(task& t) {
        line_.erase(std::find(line_.begin(), line_.end(), &t));
        current_ = current_ == &t ? nullptr : current_;
    }
    task* current() const { return current_; }

    task* pick() {
        if (current_ != nullptr && is_over_ && line_.size() > 1) {
            line_.push_back(current_);
            line_.pop_front();
            current_ = nullptr;
        }
        if (current_ == nullptr && !line_.empty()) {
            current_ = line_.front();
            ran_ = 0;
            is_over_ = false;
        }
        return current_;
    }

    bool charge(std::uint64_t ns) {
        ran_ += ns;
        const std::uint64_t slice = slice_ != 0 && current_->slice != 0 ? current_->slice : slice_;
        is_over_ = is_over_ || (slice != 0 && ran_ >= slice);
        return is_over_ && line_.size() > 1;
    }
    void yield() { is_over_ = true; }

private:
    std::uint64_t slice_;
    std::deque<task*> line_;
    task* current_ = nullptr;
    std::uint64_t ran_ = 0;
    bool is_over_ = false;
};

template <class Policy>
void expect_a_line(fair_queue<task, Policy>& queue, std::uint64_t slice) {
    dice random(seed_of_run());
    naive_line line(slice);
    std::deque<task> tasks(12);
    bool should_switch = false;
    for (std::uint64_t i = 0; i < so_many(200'000); ++i) {
        SCOPED_TRACE(i);
        task& t = random.any_of(tasks);
        if (random.one_in(4)) {
            ASSERT_EQ(queue.pick_next(), line.pick());
            should_switch = false;
        } else if (t.where == task::place::outside) {
            t.set_slice(random.one_in(2) ? 0 : 100 * us + random.below(8 * ms));
            ASSERT_FALSE(t.ran == 0 ? queue.start(t) : queue.wake(t));
            line.add(t);
        } else if (random.one_in(16)) {
            queue.remove(t);
            line.remove(t);
        } else if (line.current() != nullptr && random.one_in(8)) {
            line.remove(*line.current());
            queue.block();
        } else if (line.current() != nullptr && random.one_in(8)) {
            queue.yield();
            line.yield();
            should_switch = true;
        } else if (line.current() != nullptr) {
            const std::uint64_t ns = random.up_to_bits(23);
            queue.charge(ns);
            should_switch = line.charge(ns) || should_switch;
        }
        ASSERT_EQ(queue.current(), line.current());
        ASSERT_EQ(queue.should_switch(), should_switch);
        ASSERT_EQ(queue.tick(), should_switch && line.current() != nullptr);
    }
}

TEST(fifo_policy, is_a_line) {
    fair_queue<task, fifo> queue;
    expect_a_line(queue, 0);
}

TEST(round_robin_policy, is_a_line_with_slices) {
    fair_queue<task, round_robin> queue({.slice = 4 * ms});
    expect_a_line(queue, 4 * ms);
}

}  // namespace
}  // namespace weft
