// SPDX-License-Identifier: Apache-2.0
//
// The ordered set under a fair queue against std::multiset, and the invariants of its shape.
#include <weft/detail/fair_tree.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <numeric>
#include <set>
#include <vector>

#include "random_run.h"

namespace weft {
namespace {

struct item {
    int key = 0;
    int load = 0;
    int greatest = 0;  // load of its subtree
    fair_links<item> links;
    std::multiset<item*, bool (*)(const item*, const item*)>::iterator place{};
    bool inside = false;
};

struct order {
    using node = item;
    static fair_links<item>& links(item& n) { return n.links; }
    static bool before(const item& a, const item& b) { return a.key < b.key; }
    static constexpr bool summarised = true;
    static bool summarise(item& n, const item* left, const item* right) {
        const int old = n.greatest;
        n.greatest = n.load;
        for (const item* below : {left, right}) {
            n.greatest = below != nullptr ? std::max(n.greatest, below->greatest) : n.greatest;
        }
        return n.greatest != old;
    }
};
using tree_type = fair_tree<order>;

item* parent_of(const item& n) {
    return reinterpret_cast<item*>(n.links.parent_and_red & ~std::uintptr_t{1});
}
bool is_red(const item* n) {
    return n != nullptr && (n->links.parent_and_red & 1) != 0;
}

/// The black nodes on each path below `n`; -1: something is wrong. Appends the nodes in order.
int black_height(item* n, const item* up, std::vector<item*>& in_order) {
    if (n == nullptr) {
        return 1;
    }
    const int left = black_height(tree_type::left(*n), n, in_order);
    in_order.push_back(n);
    const int right = black_height(tree_type::right(*n), n, in_order);
    int greatest = n->load;
    for (const item* below : {tree_type::left(*n), tree_type::right(*n)}) {
        greatest = below != nullptr ? std::max(greatest, below->greatest) : greatest;
    }
    const bool good = left == right && left != -1 && parent_of(*n) == up &&
                      !(is_red(n) && is_red(up)) && n->greatest == greatest;
    return good ? left + (is_red(n) ? 0 : 1) : -1;
}

template <class Container>
void expect_sound(tree_type& tree, const Container& wanted) {
    std::vector<item*> in_order;
    ASSERT_NE(black_height(tree.root(), nullptr, in_order), -1) << "shape, parents or summaries";
    ASSERT_FALSE(is_red(tree.root()));
    ASSERT_TRUE(std::equal(in_order.begin(), in_order.end(), wanted.begin(), wanted.end()));
    ASSERT_EQ(tree.first(), in_order.empty() ? nullptr : in_order.front());
    ASSERT_EQ(tree.empty(), in_order.empty());
    for (std::size_t i = 0; i < in_order.size(); ++i) {
        item* const behind = i + 1 < in_order.size() ? in_order[i + 1] : nullptr;
        ASSERT_EQ(tree_type::next(*in_order[i]), behind);
    }
}

/// A tree and a multiset with the same in them.
class tree_and_set {
public:
    void insert(item& n) {
        tree.insert(n);
        n.place = wanted.insert(&n);
        n.inside = true;
    }
    void erase(item& n) {
        tree.erase(n);
        wanted.erase(n.place);
        n.inside = false;
    }
    item* first() const { return wanted.empty() ? nullptr : *wanted.begin(); }

    tree_type tree;
    std::multiset<item*, bool (*)(const item*, const item*)> wanted{
        [](const item* a, const item* b) { return a->key < b->key; }};
};

TEST(fair_tree, is_a_multiset_of_stable_order) {
    dice random(seed_of_run());
    tree_and_set both;
    std::deque<item> items(400);
    std::uint64_t keys = 1;      // so many different ones
    std::uint64_t growth = 500;  // of a thousand operations, for whoever could come and go alike
    for (std::uint64_t done = 0; done < so_many(1'000'000);) {
        if (done % 8'192 == 0) {
            keys = std::uint64_t{1} << random.below(11);
            growth = 50 + random.below(900);
        }
        item& n = random.any_of(items);
        if (n.inside == (random.below(1'000) < growth)) {
            continue;
        }
        ++done;
        if (n.inside) {
            both.erase(n);
        } else {
            n.key = static_cast<int>(random.below(keys));
            n.load = static_cast<int>(random.below(1'000));
            both.insert(n);
        }
        ASSERT_EQ(both.tree.first(), both.first()) << "seed " << seed_of_run();
        if (done % 256 == 0) {
            SCOPED_TRACE(seed_of_run());
            ASSERT_NO_FATAL_FAILURE(expect_sound(both.tree, both.wanted));
        }
    }
}

// Random trees are large, and their ends are rarely seen: here is every small one.
TEST(fair_tree, is_sound_after_every_order_of_six_insertions_and_removals) {
    constexpr std::size_t count = is_slow_build ? 5 : 6;
    std::array<item, count> items;
    std::array<std::size_t, count> coming{};
    std::iota(coming.begin(), coming.end(), 0U);
    do {
        std::array<std::size_t, count> going{};
        std::iota(going.begin(), going.end(), 0U);
        do {
            tree_type tree;
            std::vector<item*> wanted;
            for (const std::size_t i : coming) {
                items[i].key = static_cast<int>(i / 2);  // pairs of equals
                items[i].load = static_cast<int>(i * 7 % count);
                tree.insert(items[i]);
                wanted.insert(
                    std::upper_bound(wanted.begin(), wanted.end(), &items[i],
                                     [](const item* a, const item* b) { return a->key < b->key; }),
                    &items[i]);
            }
            for (const std::size_t i : going) {
                tree.erase(items[i]);
                wanted.erase(std::find(wanted.begin(), wanted.end(), &items[i]));
                ASSERT_NO_FATAL_FAILURE(expect_sound(tree, wanted));
            }
        } while (std::next_permutation(going.begin(), going.end()));
    } while (std::next_permutation(coming.begin(), coming.end()));
}

}  // namespace
}  // namespace weft
