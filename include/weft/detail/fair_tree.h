// SPDX-License-Identifier: Apache-2.0
//
// fair_tree: the ordered set under a fair queue. An intrusive red-black tree that has its first
// node at hand and, where the order asks for it, keeps a summary of each subtree in its root (for
// EEVDF the least virtual runtime). It allocates nothing.
//
// An Order says what is stored and how it is sorted:
//
//   struct order {
//       using node = ...;
//       static fair_links<node>& links(node&);
//       static bool before(const node& a, const node& b);
//       static constexpr bool summarised = ...;
//       // With summaries: recomputes that of `n` from itself and its children (null: none);
//       // whether it changed.
//       static bool summarise(node& n, const node* left, const node* right);
//   };
//
// Nodes that are equal stand in the order of their insertion. Insertion and removal are O(log n)
// with at most two and three rotations, first() is O(1). Not thread-safe.
//
// Why not Boost.Intrusive: its rotations call nobody back, so it cannot keep summaries, and the
// headers of weft need nothing but the standard library.
//
// Source: Cormen, Leiserson, Rivest, Stein: Introduction to Algorithms, chapter 13; for summaries
// 14.2.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

namespace weft {

/// A node's place in a tree. Meaningless while it stands in none.
template <class Node>
struct fair_links {
    std::uintptr_t parent_and_red = 0;  // the lowest bit is the colour: nodes are aligned
    std::array<Node*, 2> child{};
};

template <class Order>
class fair_tree {
public:
    using node = typename Order::node;

    [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }
    [[nodiscard]] node* first() const noexcept { return first_; }
    /// Where a search by summaries begins.
    [[nodiscard]] node* root() const noexcept { return root_; }
    static node* left(node& n) noexcept { return child(n, 0); }
    static node* right(node& n) noexcept { return child(n, 1); }

    /// The one behind `n`, which stands in this tree; null if it is the last.
    [[nodiscard]] static node* next(node& n) noexcept {
        if (node* below = child(n, 1)) {
            while (node* const further = child(*below, 0)) {
                below = further;
            }
            return below;
        }
        node* at = &n;
        node* up = parent(n);
        while (up != nullptr && child(*up, 1) == at) {
            at = up;
            up = parent(*up);
        }
        return up;
    }

    /// `n` stands in no tree.
    void insert(node& n) noexcept {
        node* up = nullptr;
        unsigned side = 0;
        unsigned turned_right = 0;  // no branch: half of them would be mispredicted
        for (node* at = root_; at != nullptr; at = child(*at, side)) {
            up = at;
            side = static_cast<unsigned>(!Order::before(n, *at));
            turned_right |= side;
        }
        Order::links(n) = {.parent_and_red = reinterpret_cast<std::uintptr_t>(up) | 1, .child = {}};
        (up != nullptr ? child(*up, side) : root_) = &n;
        if (turned_right == 0) {
            first_ = &n;
        }
        if constexpr (Order::summarised) {
            summarise(n);
            summarise_upwards(up, nullptr);
        }
        balance_after_insert(&n);
    }

    /// `n` stands in this tree.
    void erase(node& n) noexcept {
        if (first_ == &n) {
            first_ = next(n);
        }
        node* const left_child = child(n, 0);
        node* const right_child = child(n, 1);
        node* moved = nullptr;   // what takes the place from which a node is missing now
        node* around = nullptr;  // its parent
        bool lost_black = !is_red(n);
        if (left_child != nullptr && right_child != nullptr) {
            node& heir = *next(n);  // has no left child
            moved = child(heir, 1);
            around = parent(heir) == &n ? &heir : parent(heir);
            lost_black = !is_red(heir);
            if (around != &heir) {
                put_child(*around, 0, moved);
                put_child(heir, 1, right_child);
            }
            put_child(heir, 0, left_child);
            replace(n, &heir);
            set_red(heir, is_red(n));
            if constexpr (Order::summarised) {
                if (around != &heir) {
                    summarise_upwards(around, &heir);
                }
                summarise(heir);
                summarise_upwards(parent(heir), nullptr);
            }
        } else {
            moved = left_child != nullptr ? left_child : right_child;
            around = parent(n);
            replace(n, moved);
            if constexpr (Order::summarised) {
                summarise_upwards(around, nullptr);
            }
        }
        if (lost_black) {
            balance_after_erase(moved, around);
        }
    }

private:
    static node*& child(node& n, unsigned side) noexcept { return Order::links(n).child[side]; }
    static node* parent(node& n) noexcept {
        return reinterpret_cast<node*>(Order::links(n).parent_and_red & ~std::uintptr_t{1});
    }
    static bool is_red(node& n) noexcept { return (Order::links(n).parent_and_red & 1) != 0; }
    static bool is_black(node* n) noexcept { return n == nullptr || !is_red(*n); }
    static void set_parent(node& n, node* up) noexcept {
        auto& word = Order::links(n).parent_and_red;
        word = reinterpret_cast<std::uintptr_t>(up) | (word & 1);
    }
    static void set_red(node& n, bool red) noexcept {
        auto& word = Order::links(n).parent_and_red;
        word = (word & ~std::uintptr_t{1}) | (red ? 1 : 0);
    }
    static void put_child(node& n, unsigned side, node* below) noexcept {
        child(n, side) = below;
        if (below != nullptr) {
            set_parent(*below, &n);
        }
    }
    static unsigned side_of(node& up, const node* n) noexcept { return child(up, 1) == n ? 1 : 0; }

    /// `by`, which may be null, takes the place of `n` below its parent.
    void replace(node& n, node* by) noexcept {
        node* const up = parent(n);
        (up != nullptr ? child(*up, side_of(*up, &n)) : root_) = by;
        if (by != nullptr) {
            set_parent(*by, up);
        }
    }

    static bool summarise(node& n) noexcept {
        if constexpr (Order::summarised) {
            return Order::summarise(n, child(n, 0), child(n, 1));
        }
        return false;
    }

    /// Until nothing changes, or until `end`.
    static void summarise_upwards(node* n, const node* end) noexcept {
        while (n != end && n != nullptr && summarise(*n)) {
            n = parent(*n);
        }
    }

    /// The child on the other side rises, `top` goes down to `side`.
    void rotate(node& top, unsigned side) noexcept {
        node& risen = *child(top, 1 - side);
        replace(top, &risen);
        put_child(top, 1 - side, child(risen, side));
        put_child(risen, side, &top);
        summarise(top);
        summarise(risen);
    }

    void balance_after_insert(node* n) noexcept {
        node* up = parent(*n);
        while (up != nullptr && is_red(*up)) {
            node& top = *parent(*up);  // a red node has a parent
            const unsigned side = side_of(top, up);
            node* const uncle = child(top, 1 - side);
            if (!is_black(uncle)) {
                set_red(*up, false);
                set_red(*uncle, false);
                set_red(top, true);
                n = &top;
                up = parent(*n);
                continue;
            }
            if (child(*up, 1 - side) == n) {
                rotate(*up, side);
                std::swap(n, up);
            }
            set_red(*up, false);
            set_red(top, true);
            rotate(top, 1 - side);
            break;
        }
        set_red(*root_, false);
    }

    /// The paths through `n` (null: through an empty place) below `up` lack a black node.
    void balance_after_erase(node* n, node* up) noexcept {
        while (up != nullptr && is_black(n)) {
            const unsigned side = child(*up, 0) == n ? 0 : 1;
            node* sibling = child(*up, 1 - side);  // not null: it has a black node more
            if (is_red(*sibling)) {
                set_red(*sibling, false);
                set_red(*up, true);
                rotate(*up, side);
                sibling = child(*up, 1 - side);
            }
            if (is_black(child(*sibling, 0)) && is_black(child(*sibling, 1))) {
                set_red(*sibling, true);
                n = up;
                up = parent(*n);
                continue;
            }
            if (is_black(child(*sibling, 1 - side))) {
                set_red(*child(*sibling, side), false);
                set_red(*sibling, true);
                rotate(*sibling, 1 - side);
                sibling = child(*up, 1 - side);
            }
            set_red(*sibling, is_red(*up));
            set_red(*up, false);
            set_red(*child(*sibling, 1 - side), false);
            rotate(*up, side);
            return;
        }
        if (n != nullptr) {
            set_red(*n, false);
        }
    }

    node* root_ = nullptr;
    node* first_ = nullptr;
};

}  // namespace weft
