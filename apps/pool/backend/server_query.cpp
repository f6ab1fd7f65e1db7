// SPDX-License-Identifier: Apache-2.0
#include "backend/server_query.h"

#include <utility>

#include "backend/message_input.h"
#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {

namespace {

/// More rows are not for the pooler.
constexpr std::size_t most_rows = 1000;

std::unexpected<report> gone(const error& why) {
    return std::unexpected(
        report{.severity = "FATAL", .sqlstate = "08006", .message = why.message()});
}

void take_row(query_answer& into, std::string_view body) {
    byte_reader reader(body);
    std::vector<std::optional<std::string>> row(std::min<std::size_t>(reader.u16(), body.size()));
    for (auto& value : row) {
        const std::uint32_t size = reader.u32();
        if (size != 0xffffffff) {
            value = reader.bytes(size);
        }
    }
    if (reader.ok() && into.rows.size() < most_rows) {
        into.rows.push_back(std::move(row));
    }
}

void take_parameter(server& whom, std::string_view body, const parameter_names& followed,
                    intern_table& sets) {
    byte_reader reader(body);
    const auto index = followed.index_of(reader.text());
    const std::string_view value = reader.text();
    if (index && reader.ok()) {
        whom.parameters = with_value(sets, whom.parameters, followed, *index, value);
    }
}

std::expected<query_answer, report> converse(server& whom, std::string_view out,
                                             const parameter_names& followed, intern_table& sets,
                                             deadline until) {
    if (const auto sent = whom.io.write(out, until); !sent) {
        return gone(sent.error());
    }
    query_answer answered;
    std::optional<report> failed;
    std::size_t taken = 0;
    for (;;) {
        const auto message = read_message(whom.io, whom.in, taken, until);
        if (!message) {
            return gone(message.error());
        }
        switch (message->type) {
            case answer::ready_for_query:
                answered.status = message->body.empty() ? '\0' : message->body[0];
                end_messages(whom.in, taken);
                if (failed) {
                    return std::unexpected(*std::move(failed));
                }
                return answered;
            case answer::error:
                failed = read_report(message->body);
                break;
            case answer::row_description:
                answered.columns = byte_reader(message->body).u16();
                break;
            case answer::data_row:
                take_row(answered, message->body);
                break;
            case answer::parameter_status:
                take_parameter(whom, message->body, followed, sets);
                break;
            default:
                break;
        }
    }
}

}  // namespace

std::expected<query_answer, report> ask(server& whom, std::string_view sql,
                                        const parameter_names& followed, intern_table& sets,
                                        deadline until) {
    std::string out;
    put_query(out, sql);
    return converse(whom, out, followed, sets, until);
}

std::expected<query_answer, report> ask(server& whom, std::string_view sql,
                                        std::span<const std::string_view> values,
                                        const parameter_names& followed, intern_table& sets,
                                        deadline until) {
    std::string out;
    put_bound_query(out, sql, values);
    return converse(whom, out, followed, sets, until);
}

}  // namespace weft::pool
