// SPDX-License-Identifier: Apache-2.0
//
// What the console asks of a pool: to stop for a while, and how things stand.
#include <algorithm>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "backend/server_pool.h"

namespace weft::pool {

std::string_view reason_to_wait(const pool_status& of) noexcept {
    if (of.paused) {
        return "paused";
    }
    if (of.idle != 0) {
        return "headroom or quota";  // there are servers, but not for it
    }
    if (of.holding == 0) {
        return of.connecting != 0 ? "connecting" : "no server";
    }
    return of.connecting != 0 ? "servers in use, connecting" : "servers in use";
}

/// Those that are used are closed when they come back.
void server_pool::retire(doomed& out) {
    for (const auto& each : servers_) {
        each->stale = true;
    }
    sweep(clock::now(), out);
}

void server_pool::pause() {
    doomed out;
    {
        const std::lock_guard lock(mutex_);
        paused_ = true;
        note_content();  // others need not leave servers to it
        retire(out);
    }
    say_goodbye(out);
}

void server_pool::suspend() {
    const std::lock_guard lock(mutex_);
    paused_ = true;
    note_content();
}

void server_pool::refuse_waiting(const report& why) {
    const std::lock_guard lock(mutex_);
    refuse_all(why);
}

claim server_pool::claim_of(const claimant& who) const {
    const std::lock_guard lock(mutex_);
    return {.now = who.now, .since = who.since, .held = who.held};
}

void server_pool::visit_waiting(const std::function<void(const claimant&)>& visit) const {
    const std::lock_guard lock(mutex_);
    for (const claimant* each = waiting_.first(); each != nullptr; each = each->next) {
        visit(*each);
    }
}

std::string server_pool::holders() const {
    std::vector<std::pair<std::uint32_t, std::string>> all;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [name, account] : accounts_) {
            if (account->holding != 0) {
                all.emplace_back(account->holding, name);
            }
        }
    }
    std::ranges::sort(all, std::ranges::greater());
    std::string out;
    for (const auto& [count, name] : all) {
        out += (out.empty() ? "" : ", ") + name + ": " + std::to_string(count);
    }
    return out;
}

}  // namespace weft::pool
