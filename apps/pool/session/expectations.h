// SPDX-License-Identifier: Apache-2.0
//
// expectations: what a server has been asked and has not answered yet, in order. From that follows
// which answers are not for the client (those to what the pooler asked by itself), which the client
// waits for without the server having been asked (the pooler makes them), and when a transaction is
// over. Pure; not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend/statement_cache.h"
#include "sql/effects.h"
#include "wire/message.h"

namespace weft::pool {

/// What a text of SQL does to the session; null: nothing.
using effects_ptr = std::shared_ptr<const std::vector<effect>>;

struct expectation {
    enum class handling : std::uint8_t {
        forward,  ///< the client asked, the server answers
        swallow,  ///< the pooler asked
        make,     ///< the client asked, the pooler answers
        none,     ///< nobody answers: the end of a COPY that has not begun as far as is known
    };

    /// What Q and E do with their statement; a Parse that the pooler adds may give it, beside the
    /// name that it has on servers, the client's `own`, which is then not followed any more.
    enum class doing : std::uint8_t { end, make, run, own };

    char request = 0;  ///< Q F S P B D E C, and of those that nobody answers c and f
    handling how = handling::forward;
    doing does = doing::end;
    /// The one that is made or closed, if it is followed: of P and C, and of Q and E if they
    /// PREPARE or DEALLOCATE. Of B the one that it is for, and of Q, if it is nothing but an
    /// EXECUTE.
    statement_ptr statement;
    std::string name;     ///< what the client calls it; empty: the pooler asked
    effects_ptr effects;  ///< of Q and B: what it does to the session once it has succeeded

    [[nodiscard]] bool makes_statement() const noexcept {
        return request == request::parse || does == doing::make;
    }
    /// It neither makes nor ends one.
    [[nodiscard]] bool leaves_statements() const noexcept {
        return statement == nullptr || request == request::bind || does == doing::run;
    }
};

class expectations {
public:
    [[nodiscard]] bool empty() const noexcept { return first_ == all_.size(); }
    [[nodiscard]] std::size_t count() const noexcept { return all_.size() - first_; }

    void push(expectation what) { all_.push_back(std::move(what)); }
    void push(char request) { all_.emplace_back().request = request; }

    /// The oldest one. There must be one.
    [[nodiscard]] const expectation& front() const noexcept { return all_[first_]; }
    /// The one that was pushed last. There must be one.
    [[nodiscard]] const expectation& back() const noexcept { return all_.back(); }
    /// The one before which there are `i`.
    [[nodiscard]] const expectation& operator[](std::size_t i) const noexcept {
        return all_[first_ + i];
    }
    void pop() {
        ++first_;
        if (first_ == all_.size()) {
            clear();
        } else if (first_ >= 64 && 2 * first_ > all_.size()) {
            all_.erase(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
    }

    /// The next one ends with ReadyForQuery: then the server has done all before it.
    [[nodiscard]] static bool ends_with_ready(const expectation& what) noexcept {
        return what.request == request::query || what.request == request::sync ||
               what.request == request::function_call;
    }

    /// What the oldest, which copies in, has met so far.
    struct within_copy {
        std::uint32_t syncs = 0;  ///< ignored
        bool ended = false;
    };
    /// Removes what belongs to the COPY of the oldest: the Syncs directly behind it and its end.
    within_copy drop_copy_behind_front() {
        within_copy dropped;
        std::size_t end = first_ + 1;
        for (; end < all_.size() && all_[end].request == request::sync; ++end) {
            ++dropped.syncs;
        }
        if (end < all_.size() && all_[end].how == expectation::handling::none) {
            dropped.ended = true;
            ++end;
        }
        all_.erase(all_.begin() + static_cast<std::ptrdiff_t>(first_) + 1,
                   all_.begin() + static_cast<std::ptrdiff_t>(end));
        return dropped;
    }

    /// Whether the last one is a Sync, and no other one is.
    [[nodiscard]] bool ends_with_its_only_sync() const noexcept {
        const auto syncs =
            std::count_if(all_.begin() + static_cast<std::ptrdiff_t>(first_), all_.end(),
                          [](const expectation& each) { return ends_with_ready(each); });
        return syncs == 1 && all_.back().request == request::sync;
    }

    void clear() noexcept {
        all_.clear();
        first_ = 0;
    }

private:
    std::vector<expectation> all_;
    std::size_t first_ = 0;
};

}  // namespace weft::pool
