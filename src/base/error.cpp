// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

namespace weft {

namespace {

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "weft"; }

    [[nodiscard]] std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
            case errc::unexpected_end_of_stream:
                return "the peer ended the stream before all the data had come";
            case errc::invalid_address:
                return "not an address; expected HOST:PORT, [IPV6]:PORT or unix:PATH";
            case errc::connection_limit:
                return "the server's limit of connections is reached";
            case errc::channel_closed:
                return "the channel is closed; stop sending or receiving, or let only the last "
                       "sender close it";
            case errc::limit_exceeded:
                return "what was expected did not come within the limit of bytes";
        }
        return "unknown weft error " + std::to_string(code);
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

}  // namespace weft
