// SPDX-License-Identifier: Apache-2.0
//
// Messages that weft-pool makes itself. Each function appends one message to `out`; texts must hold
// no zero byte.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::pool {

/// Appends a message: its head, then what is put behind it. The length is set when it ends.
class message_builder {
public:
    message_builder(std::string& out, char type);
    message_builder(const message_builder&) = delete;
    message_builder& operator=(const message_builder&) = delete;
    ~message_builder();

    message_builder& u8(char value);
    message_builder& u16(std::uint16_t value);
    message_builder& u32(std::uint32_t value);
    message_builder& text(std::string_view value);   ///< with a zero byte
    message_builder& bytes(std::string_view value);  ///< as they are

private:
    std::string& out_;
    std::size_t begin_;
};

/// What an ErrorResponse or NoticeResponse says.
struct report {
    std::string severity;  ///< "FATAL", "ERROR", "NOTICE"
    std::string sqlstate;  ///< five characters
    std::string message;
    std::string detail = {};
    std::string hint = {};
};

/// An error after which the connection ends.
report fatal_report(std::string_view sqlstate, std::string message);

// To a client.

void put_error(std::string& out, const report& what);
void put_notice(std::string& out, const report& what);
void put_authentication_ok(std::string& out);
void put_password_request(std::string& out);
void put_md5_request(std::string& out, std::string_view salt);
void put_sasl_request(std::string& out, std::span<const std::string_view> mechanisms);
void put_sasl_continue(std::string& out, std::string_view data);
void put_sasl_final(std::string& out, std::string_view data);
void put_parameter_status(std::string& out, std::string_view name, std::string_view value);
void put_backend_key(std::string& out, std::uint32_t process, std::string_view key);
void put_ready(std::string& out, char status);
void put_command_complete(std::string& out, std::string_view tag);
/// Names of options that are not known, and the newest minor version that is (NegotiateProtocol).
void put_negotiation(std::string& out, std::uint32_t version, std::span<const std::string> unknown);

// To a server.

void put_password(std::string& out, std::string_view password);
void put_sasl_start(std::string& out, std::string_view mechanism, std::string_view data);
void put_sasl_answer(std::string& out, std::string_view data);
void put_query(std::string& out, std::string_view sql);
/// One statement with parameters, as texts, by the extended protocol: Parse to Sync, unnamed.
void put_bound_query(std::string& out, std::string_view sql,
                     std::span<const std::string_view> values);
/// Close of a prepared statement.
void put_close_statement(std::string& out, std::string_view name);
void put_sync(std::string& out);
void put_terminate(std::string& out);

/// The fields of an ErrorResponse's or NoticeResponse's body; those that are not there are empty.
report read_report(std::string_view body);

}  // namespace weft::pool
