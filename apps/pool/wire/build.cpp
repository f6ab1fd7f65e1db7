// SPDX-License-Identifier: Apache-2.0
#include "wire/build.h"

#include <utility>

#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {

namespace {

void put_report(std::string& out, char type, const report& what) {
    message_builder message(out, type);
    const auto field = [&](char name, std::string_view value) {
        if (!value.empty()) {
            message.u8(name).text(value);
        }
    };
    field('S', what.severity);
    field('V', what.severity);
    field('C', what.sqlstate);
    field('M', what.message);
    field('D', what.detail);
    field('H', what.hint);
    message.u8('\0');
}

/// Authentication messages differ in the number that they begin with.
enum class authentication : std::uint32_t {
    ok = 0,
    cleartext = 3,
    md5 = 5,
    sasl = 10,
    sasl_continue = 11,
    sasl_final = 12,
};

void put_authentication(std::string& out, authentication kind, std::string_view data = {}) {
    message_builder(out, answer::authentication).u32(static_cast<std::uint32_t>(kind)).bytes(data);
}

}  // namespace

message_builder::message_builder(std::string& out, char type) : out_(out), begin_(out.size()) {
    out_ += type;
    put_u32(out_, 0);
}

message_builder::~message_builder() {
    const auto length = static_cast<std::uint32_t>(out_.size() - begin_ - 1);
    for (int i = 0; i < 4; ++i) {
        out_[begin_ + 1 + static_cast<std::size_t>(i)] =
            static_cast<char>(length >> (24 - 8 * i) & 0xff);
    }
}

message_builder& message_builder::u8(char value) {
    out_ += value;
    return *this;
}

message_builder& message_builder::u16(std::uint16_t value) {
    put_u16(out_, value);
    return *this;
}

message_builder& message_builder::u32(std::uint32_t value) {
    put_u32(out_, value);
    return *this;
}

message_builder& message_builder::text(std::string_view value) {
    put_text(out_, value);
    return *this;
}

message_builder& message_builder::bytes(std::string_view value) {
    out_ += value;
    return *this;
}

report fatal_report(std::string_view sqlstate, std::string message) {
    return {.severity = "FATAL", .sqlstate = std::string(sqlstate), .message = std::move(message)};
}

void put_error(std::string& out, const report& what) {
    put_report(out, answer::error, what);
}

void put_notice(std::string& out, const report& what) {
    put_report(out, answer::notice, what);
}

void put_authentication_ok(std::string& out) {
    put_authentication(out, authentication::ok);
}

void put_password_request(std::string& out) {
    put_authentication(out, authentication::cleartext);
}

void put_md5_request(std::string& out, std::string_view salt) {
    put_authentication(out, authentication::md5, salt);
}

void put_sasl_request(std::string& out, std::span<const std::string_view> mechanisms) {
    message_builder message(out, answer::authentication);
    message.u32(static_cast<std::uint32_t>(authentication::sasl));
    for (const std::string_view mechanism : mechanisms) {
        message.text(mechanism);
    }
    message.u8('\0');
}

void put_sasl_continue(std::string& out, std::string_view data) {
    put_authentication(out, authentication::sasl_continue, data);
}

void put_sasl_final(std::string& out, std::string_view data) {
    put_authentication(out, authentication::sasl_final, data);
}

void put_parameter_status(std::string& out, std::string_view name, std::string_view value) {
    message_builder(out, answer::parameter_status).text(name).text(value);
}

void put_backend_key(std::string& out, std::uint32_t process, std::string_view key) {
    message_builder(out, answer::backend_key_data).u32(process).bytes(key);
}

void put_ready(std::string& out, char status) {
    message_builder(out, answer::ready_for_query).u8(status);
}

void put_command_complete(std::string& out, std::string_view tag) {
    message_builder(out, answer::command_complete).text(tag);
}

void put_negotiation(std::string& out, std::uint32_t version,
                     std::span<const std::string> unknown) {
    message_builder message(out, answer::negotiate_version);
    message.u32(version).u32(static_cast<std::uint32_t>(unknown.size()));
    for (const std::string& name : unknown) {
        message.text(name);
    }
}

void put_password(std::string& out, std::string_view password) {
    message_builder(out, request::password).text(password);
}

void put_sasl_start(std::string& out, std::string_view mechanism, std::string_view data) {
    message_builder(out, request::password)
        .text(mechanism)
        .u32(static_cast<std::uint32_t>(data.size()))
        .bytes(data);
}

void put_sasl_answer(std::string& out, std::string_view data) {
    message_builder(out, request::password).bytes(data);
}

void put_query(std::string& out, std::string_view sql) {
    message_builder(out, request::query).text(sql);
}

void put_bound_query(std::string& out, std::string_view sql,
                     std::span<const std::string_view> values) {
    message_builder(out, request::parse).text("").text(sql).u16(0);
    {
        message_builder bind(out, request::bind);
        bind.text("").text("").u16(0).u16(static_cast<std::uint16_t>(values.size()));
        for (const std::string_view value : values) {
            bind.u32(static_cast<std::uint32_t>(value.size())).bytes(value);
        }
        bind.u16(0);
    }
    message_builder(out, request::describe).u8('P').text("");
    message_builder(out, request::execute).text("").u32(0);
    put_sync(out);
}

void put_close_statement(std::string& out, std::string_view name) {
    message_builder(out, request::close).u8('S').text(name);
}

void put_sync(std::string& out) {
    message_builder(out, request::sync);
}

void put_terminate(std::string& out) {
    message_builder(out, request::terminate);
}

report read_report(std::string_view body) {
    report what;
    byte_reader reader(body);
    while (const std::uint8_t field = reader.u8()) {
        const std::string_view value = reader.text();
        switch (field) {
            case 'S':
                // 'V', where it is sent, is the same but never translated.
                if (what.severity.empty()) {
                    what.severity = value;
                }
                break;
            case 'V':
                what.severity = value;
                break;
            case 'C':
                what.sqlstate = value;
                break;
            case 'M':
                what.message = value;
                break;
            case 'D':
                what.detail = value;
                break;
            case 'H':
                what.hint = value;
                break;
            default:
                break;
        }
    }
    return what;
}

}  // namespace weft::pool
