// SPDX-License-Identifier: Apache-2.0
//
// outbox: what is to be sent to one side. Mostly that is just what the other side has sent: then it
// is a view of the buffer that it was read into, and nothing is copied. Once something is left out,
// changed or made, the bytes are copied together. Not thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weft::pool {

class outbox {
public:
    /// `piece` must stay where it is until it is sent.
    void forward(std::string_view piece) {
        if (!copied_.empty()) {
            copied_ += piece;
        } else if (view_.empty()) {
            view_ = piece;
        } else if (view_.data() + view_.size() == piece.data()) {
            view_ = {view_.data(), view_.size() + piece.size()};
        } else {
            copy() += piece;
        }
    }

    /// For made bytes: append to it, at least one.
    std::string& copy() {
        if (copied_.empty()) {
            copied_ = view_;
        }
        view_ = {};
        return copied_;
    }

    [[nodiscard]] bool empty() const noexcept { return view_.empty() && sent_ == copied_.size(); }

    /// What is left to be sent.
    [[nodiscard]] std::string_view pending() const noexcept {
        return copied_.empty() ? view_ : std::string_view(copied_).substr(sent_);
    }

    /// The first `count` of pending() are gone.
    void sent(std::size_t count) {
        if (copied_.empty()) {
            view_.remove_prefix(count);
            return;
        }
        sent_ += count;
        if (sent_ == copied_.size()) {
            clear();
        }
    }

    void clear() {
        view_ = {};
        sent_ = 0;
        copied_.clear();
        if (copied_.capacity() > most_kept) {
            copied_.shrink_to_fit();
        }
    }

private:
    static constexpr std::size_t most_kept = 64 * 1024;

    std::string_view view_;
    std::string copied_;
    std::size_t sent_ = 0;
};

}  // namespace weft::pool
