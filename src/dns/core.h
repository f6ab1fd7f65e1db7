// SPDX-License-Identifier: Apache-2.0
//
// core: what a resolver is. Questions that are on their way, who waits for them, the cache, the
// hosts file. Nothing here waits; lookup.h has the calls that do.
//
// Who drives c-ares: the callers, in turn. One of those that wait, the driver, waits for the
// sockets; when something comes it processes it under the lock and wakes those whose questions are
// answered. When its own are, or its wait is ended, it wakes another one to drive. Rejected:
//   - a driver fiber: plain threads without a runtime have none; it would belong to one runtime,
//     which would not end while it lives, and the resolver serves several;
//   - a thread of its own: two switches between kernel threads for each answer;
//   - the poller calling back: nobody calls back into a layer above.
// The price: an answer is seen when the driver gets to run. A driver on a worker that somebody
// computes on delays the others until he is preempted.
//
// A question lives until it is answered, also when all who asked have left: whoever asks next finds
// the answer, or joins. Nobody drives then; its timers go on when somebody does. So that nobody
// gets a timeout that he has not waited for, a question that was left alone (`stale`) and then
// times out is asked once more if somebody has come.
//
// Thread safety: everything under lock().
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <vector>

#include <weft/dns.h>
#include <weft/mutex.h>
#include <weft/wait_group.h>

#include "dns/ares.h"
#include "dns/cache.h"
#include "dns/hosts_file.h"
#include "dns/message.h"

namespace weft::dns {

class caller;

struct question {
    std::string name;
    record_type type;
    std::string key = key_of(name, type);
    std::uint16_t id = 0;
    int last_response = 0;  // of a server that did not answer the question
    bool stale = false;     // see the head
    bool over = false;
    std::shared_ptr<const answer> found = {};  // once it is over; null: memory was out
    std::vector<caller*> waiting = {};
};

/// Somebody who waits for questions. Lives where he waits.
class caller {
public:
    caller() = default;
    caller(const caller&) = delete;
    caller& operator=(const caller&) = delete;

    /// Done when the caller shall look again.
    wait_group bell;

private:
    friend class core;
    bool parked_ = false;  // the bell has something to be done
};

/// What a caller must wait for.
struct need {
    enum class kind : std::uint8_t { nothing, again, sockets, bell } what = kind::nothing;
    int descriptor = -1;  ///< sockets: to be readable
    deadline until = {};  ///< or until then
};

class core final : public ares_listener {
public:
    static result<std::unique_ptr<core>> make(const resolver_options& options);
    ~core();

    [[nodiscard]] mutex& lock() noexcept { return lock_; }

    /// At the beginning of each call.
    result<void> enter();

    /// The question, which may be over by now. `name` is complete, in lower case, without a dot at
    /// its end. Throws std::bad_alloc.
    std::shared_ptr<question> ask(const std::string& name, record_type type, caller& by);

    /// `by` does not wait for it any more.
    void leave(question& q, caller& by) noexcept;

    /// Takes what has come, unless somebody else drives.
    void process(const caller& by);

    /// What `by` shall wait for: none of its questions is over. Throws std::bad_alloc.
    need start_wait(caller& by);

    /// `by` is not waiting any more; it may drive on.
    void stop_wait(caller& by) noexcept;

    /// `by` is about to go: somebody else drives.
    void leave(caller& by) noexcept;

    [[nodiscard]] const hosts& local_names() { return hosts_.get(now()); }
    /// Complete names to try for `name` one after the other.
    [[nodiscard]] std::vector<std::string> candidates(const std::string& name) const;
    void clear_cache() { cache_.clear(); }

private:
    /// ares numbers queries with 16 bits; many more in use, and a free one is hard to find.
    static constexpr std::size_t most_questions = 8192;

    explicit core(const resolver_options& options);

    void answered(std::uint16_t id, int status,
                  std::span<const unsigned char> message) noexcept override;
    void response(std::uint16_t id, int code) noexcept override;

    void send(const std::shared_ptr<question>& q);
    void finish(question& q, std::shared_ptr<const answer> found) noexcept;
    void keep(const question& q);
    void ring(caller& who) noexcept;
    void pass_on() noexcept;
    [[nodiscard]] clock::time_point now() const;

    mutex lock_;
    const resolver_options options_;
    cache cache_;
    hosts_file hosts_;
    std::vector<std::string> search_;
    unsigned ndots_ = 1;
    pid_t process_ = 0;
    std::unordered_map<std::string, std::shared_ptr<question>> by_key_;  // on their way
    std::unordered_map<std::uint16_t, question*> by_id_;                 // the same ones
    caller* driver_ = nullptr;
    std::deque<caller*> parked_;
    std::unique_ptr<ares> ares_;  // last: its end answers the questions
};

}  // namespace weft::dns
