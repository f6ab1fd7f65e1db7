// SPDX-License-Identifier: Apache-2.0
#include "admin/console.h"

#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "admin/actions.h"
#include "admin/command.h"
#include "admin/result.h"
#include "backend/message_input.h"
#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// No command is so long.
constexpr std::uint32_t longest_console_message = 64 * 1024;
/// Of prepared statements, and of portals, that a client may have.
constexpr std::size_t most_names = 256;
/// A client that does not read for so long is let go.
constexpr auto longest_write = 60s;
/// Answers are sent when they are so long, or asked for.
constexpr std::size_t usual_write = 64 * 1024;

report query_error(std::string_view sqlstate, std::string message) {
    return {.severity = "ERROR", .sqlstate = std::string(sqlstate), .message = std::move(message)};
}

struct console_statement {
    std::string sql;
    command what;
};

/// A statement that is bound, and how much of its answer has been fetched.
struct console_portal {
    console_statement of;
    result_formats formats;
    std::optional<command_result> answer = {};
    std::size_t next_row = 0;
};

class console_session {
public:
    console_session(administration& with, transport& io, input_buffer& in, bool may_change)
        : io_(io),
          in_(in),
          context_{.with = with, .may_change = may_change, .wanted = [&with, &io] {
                       return with.is_there(io);
                   }} {}

    void run() {
        greet();
        std::size_t taken = 0;
        while (flush()) {
            const auto message = read_message(io_, in_, taken, {}, longest_console_message);
            if (!message) {
                if (message.error() == std::errc::bad_message) {
                    say_last({.severity = "FATAL",
                              .sqlstate = "08P01",
                              .message = "invalid message length"});
                }
                return;
            }
            if (!take(message->type, message->body)) {
                return;
            }
        }
    }

private:
    using step = std::expected<void, report>;

    void greet() {
        constexpr std::pair<std::string_view, std::string_view> parameters[] = {
            {"server_version", console_version},
            {"client_encoding", "UTF8"},
            {"server_encoding", "UTF8"},
            {"DateStyle", "ISO"},
            {"TimeZone", "GMT"},
            {"standard_conforming_strings", "on"},
            {"integer_datetimes", "on"},
            {"is_superuser", "on"},
        };
        for (const auto& [name, value] : parameters) {
            put_parameter_status(out_, name, value);
        }
        // No client has the number 0: what is asked here cannot be cancelled.
        put_backend_key(out_, 0, std::string_view("\0\0\0\0", 4));
        put_ready(out_, transaction::idle);
    }

    /// False: the client has gone.
    bool flush() {
        // What is part of an extended query waits for its Sync, or until it is much.
        if (unsynced_ && out_.size() < usual_write) {
            return true;
        }
        return send();
    }

    bool send() {
        return out_.empty() || io_.write(std::exchange(out_, {}), longest_write).has_value();
    }

    void say_last(const report& why) {
        put_error(out_, why);
        (void)send();
    }

    /// False: the session is over.
    bool take(char type, std::string_view body) {
        if (type == request::terminate) {
            return false;
        }
        if (type == request::sync) {
            unsynced_ = skipping_ = false;
            portals_.clear();
            put_ready(out_, transaction::idle);
            return true;
        }
        if (type == request::query) {
            unsynced_ = skipping_ = false;
            return take_query(body);
        }
        unsynced_ = true;
        if (skipping_) {
            return true;
        }
        if (type == request::flush) {
            return send();
        }
        const auto done = take_extended(type, body);
        if (!done) {
            if (done.error().severity == "FATAL") {
                say_last(done.error());
                return false;
            }
            put_error(out_, done.error());
            skipping_ = true;
        }
        return true;
    }

    // The simple protocol.

    bool take_query(std::string_view body) {
        byte_reader reader(body);
        const std::string_view sql = reader.text();
        if (!reader.complete()) {
            say_last(
                {.severity = "FATAL", .sqlstate = "08P01", .message = "invalid message format"});
            return false;
        }
        portals_.erase(std::string());
        const command_answer answer = perform({std::string(sql), parse_command(sql)});
        if (!answer) {
            put_error(out_, answer.error());
        } else {
            if (!answer->columns.empty()) {
                put_columns(out_, answer->columns, {});
            }
            for (const table_row& each : answer->rows) {
                put_cells(out_, answer->columns, each, {});
            }
            put_end(*answer);
        }
        put_ready(out_, transaction::idle);
        return true;
    }

    command_answer perform(const console_statement& what) {
        command_answer answer = execute(context_, what.what, what.sql);
        if (!answer) {
            context_.with.of().logger.write(log_level::warning,
                                            "console: " + answer.error().message);
        } else if (answer->notice) {
            put_notice(out_, *answer->notice);
        }
        return answer;
    }

    void put_end(const command_result& of) {
        if (of.tag.empty()) {
            message_builder(out_, answer::empty_query);
        } else {
            put_command_complete(out_, of.tag);
        }
    }

    // The extended one.

    step take_extended(char type, std::string_view body) {
        switch (type) {
            case request::parse:
                return take_parse(byte_reader(body));
            case request::bind:
                return take_bind(byte_reader(body));
            case request::describe:
                return take_describe(byte_reader(body));
            case request::execute:
                return take_execute(byte_reader(body));
            case request::close:
                return take_close(byte_reader(body));
            default:
                return std::unexpected(report{
                    .severity = "FATAL",
                    .sqlstate = "08P01",
                    .message =
                        fmt::format("unsupported packet type for admin console: {}",
                                    static_cast<unsigned>(static_cast<unsigned char>(type)))});
        }
    }

    static std::unexpected<report> malformed() {
        return std::unexpected(query_error("08P01", "invalid message format"));
    }

    step take_parse(byte_reader body) {
        const std::string name(body.text());
        const std::string sql(body.text());
        // Types of parameters that are then not in the text; Bind must not bring any.
        (void)body.bytes(4 * std::size_t{body.u16()});
        if (!body.complete()) {
            return malformed();
        }
        if (!name.empty() && statements_.contains(name)) {
            return std::unexpected(query_error(
                "42P05", fmt::format("prepared statement \"{}\" already exists", name)));
        }
        if (statements_.size() >= most_names) {
            return std::unexpected(query_error("53400", "too many prepared statements"));
        }
        statements_[name] = {sql, parse_command(sql)};
        message_builder(out_, answer::parse_complete);
        return {};
    }

    [[nodiscard]] std::expected<const console_statement*, report> find_statement(
        const std::string& name) const {
        const auto found = statements_.find(name);
        if (found == statements_.end()) {
            return std::unexpected(query_error(
                "26000", fmt::format("prepared statement \"{}\" does not exist", name)));
        }
        return &found->second;
    }

    [[nodiscard]] std::expected<console_portal*, report> find_portal(const std::string& name) {
        const auto found = portals_.find(name);
        if (found == portals_.end()) {
            return std::unexpected(
                query_error("34000", fmt::format("portal \"{}\" does not exist", name)));
        }
        return &found->second;
    }

    static std::vector<std::uint16_t> read_codes(byte_reader& body) {
        std::vector<std::uint16_t> codes;
        for (std::uint16_t left = body.u16(); left > 0 && body.ok(); --left) {
            codes.push_back(body.u16());
        }
        return codes;
    }

    step take_bind(byte_reader body) {
        const std::string name(body.text());
        const std::string of(body.text());
        (void)read_codes(body);
        if (body.u16() != 0) {
            return std::unexpected(
                query_error("08P01", "the console's commands have no parameters"));
        }
        result_formats formats(read_codes(body));
        if (!body.complete()) {
            return malformed();
        }
        const auto found = find_statement(of);
        if (!found) {
            return std::unexpected(found.error());
        }
        const std::size_t columns = columns_of((*found)->what).size();
        if (columns != 0 && !formats.fits(columns)) {
            return std::unexpected(
                query_error("08P01", "bind message has the wrong number of result formats"));
        }
        if (portals_.size() >= most_names) {
            return std::unexpected(query_error("53400", "too many portals"));
        }
        portals_[name] = {.of = **found, .formats = std::move(formats)};
        message_builder(out_, answer::bind_complete);
        return {};
    }

    void put_description(const command& of, const result_formats& as) {
        if (const auto columns = columns_of(of); !columns.empty()) {
            put_columns(out_, columns, as);
        } else {
            message_builder(out_, answer::no_data);
        }
    }

    step take_describe(byte_reader body) {
        const auto kind = static_cast<char>(body.u8());
        const std::string name(body.text());
        if (!body.complete() || (kind != 'S' && kind != 'P')) {
            return malformed();
        }
        if (kind == 'S') {
            const auto found = find_statement(name);
            if (!found) {
                return std::unexpected(found.error());
            }
            message_builder(out_, answer::parameter_description).u16(0);
            put_description((*found)->what, {});
            return {};
        }
        const auto found = find_portal(name);
        if (!found) {
            return std::unexpected(found.error());
        }
        put_description((*found)->of.what, (*found)->formats);
        return {};
    }

    step take_execute(byte_reader body) {
        const std::string name(body.text());
        const std::uint32_t most = body.u32();
        if (!body.complete()) {
            return malformed();
        }
        const auto found = find_portal(name);
        if (!found) {
            return std::unexpected(found.error());
        }
        console_portal& from = **found;
        if (!from.answer) {
            command_answer answer = perform(from.of);
            if (!answer) {
                return std::unexpected(answer.error());
            }
            from.answer = *std::move(answer);
        }
        const command_result& all = *from.answer;
        for (std::uint32_t sent = 0; from.next_row < all.rows.size(); ++sent) {
            if (most != 0 && sent == most) {
                message_builder(out_, answer::portal_suspended);
                return {};
            }
            put_cells(out_, all.columns, all.rows[from.next_row++], from.formats);
        }
        put_end(all);
        return {};
    }

    /// What is not there is closed, too.
    step take_close(byte_reader body) {
        const auto kind = static_cast<char>(body.u8());
        const std::string name(body.text());
        if (!body.complete() || (kind != 'S' && kind != 'P')) {
            return malformed();
        }
        if (kind == 'S') {
            statements_.erase(name);
        } else {
            portals_.erase(name);
        }
        message_builder(out_, answer::close_complete);
        return {};
    }

    transport& io_;
    input_buffer& in_;
    const command_context context_;
    std::string out_;
    std::map<std::string, console_statement> statements_;
    std::map<std::string, console_portal> portals_;
    bool unsynced_ = false;
    bool skipping_ = false;  // an extended query has failed: up to its Sync
};

}  // namespace

void serve_console(administration& with, transport& io, input_buffer& in, bool may_change) {
    console_session(with, io, in, may_change).run();
}

}  // namespace weft::pool
