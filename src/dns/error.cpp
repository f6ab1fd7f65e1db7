// SPDX-License-Identifier: Apache-2.0
#include <weft/dns.h>

namespace weft::dns {

namespace {

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "weft.dns"; }

    [[nodiscard]] std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
            case errc::no_such_name:
                return "there is no such name: check how it is written, and the search domains in "
                       "/etc/resolv.conf";
            case errc::no_such_record:
                return "the name exists, but has no record of this kind: ask for the other family "
                       "of addresses, or for another name";
            case errc::server_failed:
                return "the name servers failed to find out (SERVFAIL): the servers of that domain "
                       "do not work, or their signatures are wrong; try again later";
            case errc::server_refused:
                return "the name servers refuse to answer: name others that serve this machine in "
                       "/etc/resolv.conf";
            case errc::no_answer:
                return "no name server has answered in time: check the network, a firewall for "
                       "port 53, and the servers in /etc/resolv.conf";
            case errc::unreachable:
                return "no name server can be reached: nothing listens at the addresses in "
                       "/etc/resolv.conf, or this process has no descriptor left for a socket";
            case errc::bad_answer:
                return "the name server's answer is malformed: ask another server";
            case errc::bad_name:
                return "that cannot be the name of a host: 1 to 63 letters, digits, - and _ "
                       "between dots, at most 253 in all; others are written as xn--...";
            case errc::too_many_queries:
                return "too many names are being looked up at this moment: try again later";
        }
        return "an unknown error of names";
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

}  // namespace weft::dns
