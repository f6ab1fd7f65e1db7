// SPDX-License-Identifier: Apache-2.0
//
// local_values: what one fiber or plain thread has of the fiber_local variables. By its owner only;
// while a fiber is spawned, by the spawner.
#pragma once

#include <weft/fiber_local.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace weft::sched {

class local_values {
public:
    local_values() = default;
    local_values(const local_values&) = delete;
    local_values& operator=(const local_values&) = delete;
    ~local_values() { clear(); }

    [[nodiscard]] void* find(std::uint64_t key) const noexcept {
        for (const entry& e : entries_) {
            if (e.key == key) {
                return e.value;
            }
        }
        return nullptr;
    }

    /// Throws std::bad_alloc; `value` is then still the caller's.
    void add(std::uint64_t key, void* value, const detail::local_type& type) {
        entries_.push_back({key, value, &type});
    }

    void remove(std::uint64_t key) noexcept;

    /// The last one first. A destructor may make new ones; they end, too.
    void clear() noexcept;

    /// Copies of those that are inherited; null if there are none. Throws what copying throws.
    [[nodiscard]] std::unique_ptr<local_values> inherit() const;

private:
    struct entry {
        std::uint64_t key;
        void* value;
        const detail::local_type* type;
    };

    std::vector<entry> entries_;  // few: found faster by looking at each than by a map
};

/// What the caller has for those that it spawns; null: nothing.
const local_values* inheritable_locals() noexcept;

}  // namespace weft::sched
