// SPDX-License-Identifier: Apache-2.0
//
// context: what a tls_context refers to: the settings that hold now. Handshakes take them when they
// begin. Thread safety: all methods, at the same time.
#pragma once

#include <memory>
#include <utility>

#include "base/spinlock.h"
#include "tls/settings.h"

namespace weft::tls {

class context {
public:
    explicit context(std::shared_ptr<const settings> first) noexcept : current_(std::move(first)) {}

    [[nodiscard]] std::shared_ptr<const settings> current() const noexcept {
        const base::spin_guard guard(lock_);
        return current_;
    }

    void replace(std::shared_ptr<const settings> next) noexcept {
        const base::spin_guard guard(lock_);
        current_.swap(next);  // what was there ends after the guard
    }

private:
    mutable base::spinlock lock_;
    std::shared_ptr<const settings> current_ WEFT_GUARDED_BY(lock_);
};

}  // namespace weft::tls
