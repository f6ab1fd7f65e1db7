// SPDX-License-Identifier: Apache-2.0
//
// A client and a server of weft-pool that say whatever they like. The first byte says how many
// prepared statements a server may have, whether SQL is looked at, and whether another connection
// listens for the client; then come turns: a byte, of which the highest bit says whose turn it is
// and the others how long it is, and so many bytes. However the turns are cut into pieces, both
// sides get the same, and neither makes the pooler hold more than a multiple of what it said.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "require.h"
#include "session/answer_reader.h"
#include "session/conversation.h"
#include "session/request_reader.h"

namespace {

using namespace weft::pool;
using weft::fuzz::require;

/// What one side has said and is not dealt with, and what the other one has got.
struct direction {
    std::string unread;
    std::string got;
    std::size_t said = 0;
    bool ended = false;
};

/// Some channels cannot be had.
class wishes final : public channel_wishes {
public:
    bool wish(std::string_view channel) override {
        if (channel.size() % 4 == 3) {
            return false;
        }
        there_.try_emplace(std::string(channel), false);
        return true;
    }
    bool confirm(std::string_view channel) override {
        const auto found = there_.find(channel);
        if (found == there_.end()) {
            return false;
        }
        return found->second = true;
    }
    bool confirm_again(std::string_view channel) override { return hears(channel); }
    [[nodiscard]] bool any() const override { return !there_.empty(); }
    [[nodiscard]] bool hears(std::string_view channel) const override {
        const auto found = there_.find(channel);
        return found != there_.end() && found->second;
    }
    void drop(std::string_view channel) override {
        if (const auto found = there_.find(channel); found != there_.end()) {
            found->second = false;
        }
    }
    void drop_all() override {
        for (auto& [name, confirmed] : there_) {
            confirmed = false;
        }
    }
    void settle(bool rests) override {
        if (rests) {
            std::erase_if(there_, [](const auto& each) { return !each.second; });
        }
    }

    bool operator==(const wishes& other) const { return there_ == other.there_; }
    [[nodiscard]] std::size_t count() const { return there_.size(); }

private:
    std::map<std::string, bool, std::less<>> there_;  // whether it is confirmed
};

class talk {
public:
    talk(std::size_t most_statements, bool follows_session, bool listens)
        : about_({.statements = statements_,
                  .sets = sets_,
                  .followed = followed_,
                  .most_statements = most_statements,
                  .follows_session = follows_session,
                  .longest_message = 1U << 20}) {
        about_.client_names = &names_;
        about_.client_parameters = &client_parameters_;
        about_.client_journal = &client_settings_;
        about_.wishes = listens ? &heard : nullptr;
        about_.meet(prepared_, server_parameters_, server_settings_);
    }
    talk(const talk&) = delete;
    talk& operator=(const talk&) = delete;

    void say(bool of_client, std::string_view bytes, std::size_t piece) {
        direction& side = of_client ? from_client : from_server;
        while (!bytes.empty() && !side.ended) {
            const std::string_view part = bytes.substr(0, piece);
            bytes.remove_prefix(part.size());
            side.unread += part;
            side.said += part.size();
            of_client ? read(requests_, side) : read(answers_, side);
        }
    }

    [[nodiscard]] bool over() const { return about_.over(); }
    [[nodiscard]] bool doubtful() const { return about_.doubtful; }

    direction from_client;
    direction from_server;
    wishes heard;

private:
    template <class Reader>
    void read(Reader& reader, direction& side) {
        for (bool more = true; more && !side.ended;) {
            outbox out;
            const reading r = reader.read(side.unread, out);
            require(r.taken <= side.unread.size(), "no more than there is");
            // A Bind may send along a statement that was said before.
            require(
                out.pending().size() <= (64U << 10) + 16 * side.unread.size() + from_client.said,
                "no more than a multiple");
            side.got += out.pending();
            side.unread.erase(0, r.taken);
            side.ended = r.terminate || !r.error.empty();
            require(r.needed == 0 || r.needed > side.unread.size(), "what is needed is missing");
            require(r.needed <= 2 * side.unread.size() || r.needed <= (1U << 20), "room for it");
            more = r.more;
            outbox made;
            about_.make_answers(made);
            from_server.got += made.pending();
        }
        require(about_.expected.count() <= from_client.said, "what was asked for");
        require(heard.count() <= from_client.said, "what is listened to");
        require(names_ == nullptr || names_->size() <= from_client.said, "what was prepared");
        require(from_server.got.size() <= from_server.said + from_client.said, "answers");
    }

    intern_table statements_;
    intern_table sets_;
    const parameter_names followed_;
    std::unique_ptr<client_statements> names_;
    parameter_set client_parameters_;
    parameter_set server_parameters_;
    journal client_settings_;
    journal server_settings_;
    statement_cache prepared_;
    conversation about_;
    request_reader requests_{about_};
    answer_reader answers_{about_};
};

void run(talk& between, std::string_view turns, std::size_t piece) {
    while (!turns.empty()) {
        const auto head = static_cast<unsigned char>(turns[0]);
        const std::string_view bytes = turns.substr(1, head & 0x7fU);
        turns.remove_prefix(1 + bytes.size());
        between.say((head & 0x80U) == 0, bytes, piece);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::size_t most_statements = std::array<std::size_t, 4>{0, 1, 2, 100}[data[0] % 4];
    const bool follows_session = (data[0] & 4U) != 0;
    const std::string_view turns(reinterpret_cast<const char*>(data + 1), size - 1);
    const bool listens = (data[0] & 8U) != 0;
    talk whole(most_statements, follows_session, listens);
    run(whole, turns, turns.size());
    talk pieces(most_statements, follows_session, listens);
    run(pieces, turns, 1);
    require(whole.from_client.got == pieces.from_client.got, "the server gets the same");
    require(whole.from_server.got == pieces.from_server.got, "the client gets the same");
    require(whole.over() == pieces.over() && whole.doubtful() == pieces.doubtful(),
            "it ends in the same way");
    require(whole.heard == pieces.heard, "the same is listened to");
    return 0;
}
