// SPDX-License-Identifier: Apache-2.0
//
// Accounts between which many pay one another. Each call locks, and calls others that do, too: a
// recursive mutex. An audit waits for it no longer than it wants.
#include <weft/mutex.h>
#include <weft/runtime.h>
#include <weft/scope.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <optional>

using namespace std::chrono_literals;

class ledger {
public:
    void deposit(std::size_t account, int amount) {
        const std::lock_guard guard(mutex_);
        accounts_.at(account) += amount;
    }

    bool pay(std::size_t from, std::size_t to, int amount) {
        const std::lock_guard guard(mutex_);
        if (accounts_.at(from) < amount) {
            return false;
        }
        deposit(from, -amount);  // locks it again
        deposit(to, amount);
        return true;
    }

    std::optional<int> audit(std::chrono::milliseconds patience) {
        const std::unique_lock guard(mutex_, patience);
        if (!guard) {
            return {};
        }
        return std::accumulate(accounts_.begin(), accounts_.end(), 0);
    }

private:
    weft::recursive_timed_mutex mutex_;
    std::array<int, 10> accounts_{};
};

int main() {
    ledger books;
    books.deposit(0, 1000);  // on a plain thread
    weft::run([&] {
        weft::with_scope([&](weft::scope& s) {
            for (std::size_t i = 0; i < 1000; ++i) {
                s.spawn([&, i] { books.pay(i % 10, i * 7 % 10, 5); });
            }
            std::printf("audit: %d\n", books.audit(10s).value_or(-1));
        });
    });
    std::printf("at the end: %d\n", books.audit(0s).value_or(-1));
}
