// SPDX-License-Identifier: Apache-2.0
#include "sched/group_table.h"

#include <stdexcept>
#include <string>

namespace weft::sched {

group_table::~group_table() {
    for (auto& each : groups_) {
        delete each.load(base::relaxed);
    }
}

/// 0: all are in use.
std::size_t group_table::reserve() noexcept {
    const base::spin_guard guard(lock_);
    for (std::size_t i = 1; i <= most; ++i) {
        if (!in_use_[i]) {
            in_use_[i] = true;
            return i;
        }
    }
    return 0;
}

group& group_table::create(const group_options& options) {
    std::string name(options.name);
    const std::size_t index = reserve();
    if (index == 0) {
        throw std::length_error("a runtime has at most " + std::to_string(most) +
                                " groups at a time");
    }
    group* g = groups_[index].load(base::acquire);
    if (g == nullptr) {
        try {
            g = new group(static_cast<std::uint8_t>(index), workers_);
        } catch (...) {
            const base::spin_guard guard(lock_);
            in_use_[index] = false;
            throw;
        }
        groups_[index].store(g, base::release);
    }
    g->name_ = std::move(name);
    g->set_weight(options.weight);
    g->quota().set(options.quota, options.period, base::now_ns());
    for (std::size_t i = 0; i < workers_; ++i) {
        g->seat(i).ran.store(0, base::relaxed);
        g->seat(i).elsewhere.store(0, base::relaxed);
    }
    limited_.fetch_add(g->quota().exists() ? 1 : 0, base::relaxed);
    g->references_.store(group::a_handle, base::relaxed);
    return *g;
}

void group_table::drop(group& g, std::uint64_t reference) noexcept {
    if (g.references_.fetch_sub(reference, base::acq_rel) == reference) {
        limited_.fetch_sub(g.quota().exists() ? 1 : 0, base::relaxed);
        const base::spin_guard guard(lock_);
        in_use_[g.index()] = false;
    }
}

std::size_t group_table::handles() const noexcept {
    std::size_t count = 0;
    for (const auto& each : groups_) {
        const group* const g = each.load(base::acquire);
        count +=
            g != nullptr && (g->references_.load(base::relaxed) & group::a_handle) != 0 ? 1 : 0;
    }
    return count;
}

}  // namespace weft::sched
