// SPDX-License-Identifier: Apache-2.0
#include "session/answer_reader.h"

#include <algorithm>
#include <string>

#include "wire/bytes.h"

namespace weft::pool {

namespace {

/// Longer ones that must be there as a whole are not from PostgreSQL.
constexpr std::uint32_t longest_short_message = 1U << 20;

/// Whether the server has failed at the first thing that it was asked for in a batch of which
/// nothing else can have been done.
bool is_first_of_repeatable(const conversation& about) {
    const expectation& front = about.expected.front();
    if (!about.may_repeat || front.statement == nullptr || about.status != transaction::idle) {
        return false;
    }
    return front.request == request::bind
               ? !about.unsynced && about.expected.ends_with_its_only_sync()
               : front.does == expectation::doing::run && about.expected.count() == 1;
}

/// The message has a code of its own only among those of "feature not supported"; it is translated
/// where the server speaks another language (lc_messages), and then the error goes to the client.
bool is_stale_plan(std::string_view body) {
    const report what = read_report(body);
    return what.sqlstate == "0A000" && what.message == "cached plan must not change result type";
}

}  // namespace

reading answer_reader::read(std::string_view bytes, outbox& out) {
    reading so_far;
    for (;;) {
        const std::string_view rest = bytes.substr(so_far.taken);
        if (of_.answer_left != 0) {
            const std::size_t part = std::min(of_.answer_left, rest.size());
            if (!keeping_back_) {
                out.forward(rest.substr(0, part));
                of_.may_repeat = false;
            }
            so_far.taken += part;
            of_.answer_left -= part;
            if (of_.answer_left != 0) {
                return so_far;
            }
            of_.make_answers(out);
            continue;
        }
        if (rest.size() < head_size) {
            return so_far;
        }
        const auto head = read_head(rest);
        if (!head || !is_answer(head->type)) {
            so_far.error = "the server sent what is no message";
            return so_far;
        }
        const std::string_view there =
            rest.substr(head_size, std::min<std::size_t>(rest.size(), head->size) - head_size);
        if (wants_whole(head->type) && there.size() != head->size - head_size) {
            if (head->size > longest_short_message) {
                so_far.error = "the server sent a message that is too long";
                return so_far;
            }
            so_far.needed = head->size;
            return so_far;
        }
        keeping_back_ = !take(head->type, there);
        of_.answer_left = head->size;
    }
}

bool answer_reader::wants_whole(char type) const {
    switch (type) {
        case answer::ready_for_query:
        case answer::parameter_status:
        case answer::command_complete:
        case answer::notification:
            return true;
        case answer::error:
            return of_.may_repeat ||
                   (answers_pooler() && of_.expected.front().request == request::query);
        default:
            return false;
    }
}

/// Whether the message is for the client. Its body may not be there as a whole (wants_whole()).
bool answer_reader::take(char type, std::string_view body) {
    switch (type) {
        case answer::ready_for_query:
            return take_ready(body.empty() ? transaction::failed : body[0]);
        case answer::parameter_status:
            return take_parameter(body);
        case answer::error:
            return take_error(body);
        case answer::parse_complete:
            return check_off("P");
        case answer::bind_complete:
            return check_off("B");
        case answer::close_complete:
            return check_off("C");
        case answer::row_description:
        case answer::no_data:
            return check_off("D");
        case answer::command_complete:
            of_.copy_both = false;
            of_.ignored_syncs = 0;
            take_tag(body);
            return check_off("E");
        case answer::empty_query:
        case answer::portal_suspended:
            return check_off("E");
        case answer::copy_in_response:
            begin_copy_in();
            return true;
        case answer::copy_both_response:
            of_.copy_both = true;
            return true;
        case answer::notification:
            return is_for_client(body);
        case answer::notice:
            return true;
        default:
            return !answers_pooler();
    }
}

bool answer_reader::answers_pooler() const noexcept {
    return !of_.expected.empty() && of_.expected.front().how == expectation::handling::swallow;
}

/// An answer to one of these requests, or one of many within a simple query.
bool answer_reader::check_off(std::string_view requests) {
    if (of_.expected.empty()) {
        return true;
    }
    const bool ours = answers_pooler();
    if (of_.expected.front().request == request::bind && requests == "B") {
        of_.note_done(of_.expected.front().effects);
    }
    if (requests.find(of_.expected.front().request) != std::string_view::npos) {
        of_.queries += of_.expected.front().request == request::execute ? 1 : 0;
        of_.expected.pop();
    }
    return !ours;
}

bool answer_reader::take_ready(char status) {
    of_.status = status;
    of_.copy_in = of_.copy_both = false;
    bool ours = false;
    while (!of_.expected.empty()) {
        const expectation& front = of_.expected.front();
        const bool last = expectations::ends_with_ready(front);
        ours = front.how == expectation::handling::swallow;
        of_.note_done(front.effects);
        of_.queries += front.request == request::query && !ours ? 1 : 0;
        of_.expected.pop();
        if (last) {
            break;
        }
    }
    of_.answered = of_.answered && ours;
    of_.note_ready();
    of_.transactions += status == transaction::idle && !ours ? 1 : 0;
    of_.between = of_.between || (status == transaction::idle && !ours);
    return !ours;
}

bool answer_reader::take_error(std::string_view body) {
    of_.copy_in = of_.copy_both = false;
    of_.doubtful = of_.doubtful || of_.ignored_syncs != 0;
    of_.ignored_syncs = 0;
    if (of_.expected.empty()) {
        return true;
    }
    of_.note_failed();
    const expectation& front = of_.expected.front();
    if (front.request == request::query && front.how == expectation::handling::swallow) {
        of_.own_failure = read_report(body);
        return false;
    }
    if (is_first_of_repeatable(of_) && is_stale_plan(body)) {
        of_.repeats = true;
        of_.expected.clear();
        expectation rest;
        rest.request = request::sync;
        rest.how = expectation::handling::swallow;
        of_.expected.push(std::move(rest));
        return false;
    }
    const bool was_answered = of_.answered && front.request == request::query;
    if (front.request == request::query && front.statement != nullptr) {
        of_.undo(front);
        if (was_answered) {
            of_.server_statements->remove(*front.statement);  // it was not there before either
        }
    }
    if (!expectations::ends_with_ready(front)) {
        const bool of_pooler = answers_pooler();
        of_.give_up_to_sync();
        of_.answered = of_pooler && answers_pooler();  // the Sync, too, is the pooler's
    }
    return !was_answered;
}

bool answer_reader::take_parameter(std::string_view body) {
    byte_reader reader(body);
    const std::string_view name = reader.text();
    const std::string_view value = reader.text();
    const auto index = of_.parts.followed.index_of(name);
    if (!index || !reader.ok()) {
        return !answers_pooler();
    }
    *of_.server_parameters =
        with_value(of_.parts.sets, *of_.server_parameters, of_.parts.followed, *index, value);
    if (answers_pooler()) {
        return false;
    }
    *of_.client_parameters =
        with_value(of_.parts.sets, *of_.client_parameters, of_.parts.followed, *index, value);
    return true;
}

/// A server that serves others later has no business to notify this client, unless the client keeps
/// it; and not of what it is told by another connection.
bool answer_reader::is_for_client(std::string_view notification) const {
    if (!of_.parts.follows_session) {
        return true;
    }
    byte_reader reader(notification);
    reader.u32();  // who notifies
    return !of_.pinned_by.empty() && (of_.wishes == nullptr || !of_.wishes->hears(reader.text()));
}

/// What takes all prepared statements of a session away takes them from both.
void answer_reader::take_tag(std::string_view body) {
    if (!answers_pooler()) {
        of_.note_tag(body);
    }
    if (body.starts_with("DEALLOCATE ALL") || body.starts_with("DISCARD ALL")) {
        of_.forget_statements(!answers_pooler());
    }
}

/// The Syncs that were sent to it before are ignored: what was executed needs another one.
void answer_reader::begin_copy_in() {
    if (of_.expected.empty()) {
        of_.copy_in = true;
        return;
    }
    const auto dropped = of_.expected.drop_copy_behind_front();
    of_.ignored_syncs += dropped.syncs;
    of_.copy_in = !dropped.ended;
    of_.unsynced =
        of_.unsynced || (dropped.syncs != 0 && !expectations::ends_with_ready(of_.expected.back()));
}

}  // namespace weft::pool
