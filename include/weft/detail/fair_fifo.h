// SPDX-License-Identifier: Apache-2.0
//
// fifo and round_robin: what fair policies are compared with. Whoever has become runnable first
// runs first; under fifo until it blocks or yields, under round_robin for a slice at most, and then
// goes to the end. Weights and virtual time mean nothing to them.
#pragma once

#include <cstdint>

#include <weft/fair_entity.h>

namespace weft {

/// The common part: one run queue. Slice 0: no end.
template <class Node>
class arrival_order {
public:
    explicit arrival_order(std::uint64_t slice) noexcept : slice_(slice) {}

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] Node* current() const noexcept { return current_; }
    [[nodiscard]] std::uint64_t virtual_time() const noexcept { return 0; }

    void enqueue(Node& n, arrival /*how*/, std::uint64_t /*slice*/) noexcept {
        n.relative = false;
        ++count_;
        insert(n);
    }

    void dequeue(Node& n, bool /*sleeps*/) noexcept {
        if (current_ == &n) {
            current_ = nullptr;
        } else {
            erase(n);
        }
        n.where = Node::place::outside;
        --count_;
    }
    void dequeue_at_once(Node& n) noexcept { dequeue(n, true); }

    /// The current one goes on unless its slice is over.
    [[nodiscard]] Node* pick() const noexcept {
        const bool goes_on = current_ != nullptr && (first_ == nullptr || !is_over_);
        return goes_on ? current_ : first_;
    }

    void set_current(Node& n) noexcept {
        erase(n);
        n.where = Node::place::running;
        current_ = &n;
        ran_ = 0;
        is_over_ = false;
    }

    void put_back() noexcept {
        Node& n = *current_;
        current_ = nullptr;
        insert(n);
    }

    bool charge(std::uint64_t ns) noexcept {
        ran_ += ns;
        const std::uint64_t most = slice_ != 0 && current_->slice != 0 ? current_->slice : slice_;
        is_over_ = is_over_ || (most != 0 && ran_ >= most);
        return is_over_ && count_ > 1;
    }

    bool tick(std::uint64_t /*slice*/) noexcept { return false; }
    [[nodiscard]] std::uint64_t part(std::uint64_t period, const Node& n) const noexcept {
        return slice_ != 0 && n.slice != 0 ? n.slice : period;
    }
    [[nodiscard]] std::uint64_t period(std::uint64_t /*runnable*/) const noexcept { return slice_; }
    [[nodiscard]] std::uint64_t least_slice() const noexcept { return 0; }
    bool preempts(Node& /*n*/) noexcept { return false; }
    void yield() noexcept { is_over_ = true; }
    void yield_for_member() noexcept { is_over_ = true; }
    void reweight(Node& n, fair_weight weight) noexcept { n.weight = weight; }
    void detach(Node& /*n*/) noexcept {}

private:
    // The links of a tree serve as those of a list: child[0] is before, child[1] behind.
    void insert(Node& n) noexcept {
        n.where = Node::place::queued;
        n.links = {.parent_and_red = 0, .child = {end_, nullptr}};
        (end_ != nullptr ? end_->links.child[1] : first_) = &n;
        end_ = &n;
    }

    void erase(Node& n) noexcept {
        const auto [before, behind] = n.links.child;
        (before != nullptr ? before->links.child[1] : first_) = behind;
        (behind != nullptr ? behind->links.child[0] : end_) = before;
    }

    std::uint64_t slice_;
    Node* first_ = nullptr;
    Node* end_ = nullptr;
    Node* current_ = nullptr;
    std::uint64_t count_ = 0;
    std::uint64_t ran_ = 0;
    bool is_over_ = false;
};

struct fifo {
    struct parameters {};

    template <class Node>
    class level : public arrival_order<Node> {
    public:
        explicit level(const parameters& /*none*/) noexcept : arrival_order<Node>(0) {}
    };
};

struct round_robin {
    struct parameters {
        std::uint64_t slice = 4'000'000;  ///< of whoever has set none
    };

    template <class Node>
    class level : public arrival_order<Node> {
    public:
        explicit level(const parameters& settings) noexcept : arrival_order<Node>(settings.slice) {}
    };
};

}  // namespace weft
