// SPDX-License-Identifier: Apache-2.0
#include "dns/ares.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstring>
#include <system_error>

#include <weft/errno.h>

#include "base/error.h"
#include "dns/message.h"

namespace weft::dns {

namespace {

/// Process-wide, and never taken back: c-ares counts, and has nothing to free on Linux.
int initialize_library() {
    static const int status = ::ares_library_init(ARES_LIB_INIT_ALL);
    return status;
}

/// An errno value for what c-ares says of its initialization.
int error_of_status(int status) {
    switch (status) {
        case ARES_SUCCESS:
            return 0;
        case ARES_ENOMEM:
            return ENOMEM;
        case ARES_EFILE:
            return EIO;
        default:
            return EINVAL;
    }
}

}  // namespace

/// What c-ares calls. `data` is the ares.
struct ares_calls {
    static ares& self(void* data) { return *static_cast<ares*>(data); }

    static ares_socket_t open(int family, int type, int protocol, void*) {
        const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        if (fd >= 0 && type == SOCK_STREAM) {
            const int on = 1;
            static_cast<void>(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
        }
        return fd;
    }

    static int close(ares_socket_t fd, void*) { return ::close(fd); }

    static int connect(ares_socket_t fd, const sockaddr* to, ares_socklen_t size, void*) {
        return ::connect(fd, to, size);
    }

    static ares_ssize_t receive(ares_socket_t fd, void* bytes, size_t size, int flags,
                                sockaddr* from, ares_socklen_t* from_size, void* data) {
        const ssize_t n = ::recvfrom(fd, bytes, size, flags, from, from_size);
        // Over TCP two bytes of length come first; a message that comes in parts is not looked at
        // again.
        if (n >= static_cast<ssize_t>(header_size)) {
            const auto* const head = static_cast<const unsigned char*>(bytes);
            const auto id = static_cast<std::uint16_t>(head[0] << 8 | head[1]);
            self(data).listener_.response(id, head[3] & 0xf);
        }
        return n;
    }

    static ares_ssize_t send(ares_socket_t fd, const iovec* parts, int count, void*) {
        msghdr message{};
        message.msg_iov = const_cast<iovec*>(parts);
        message.msg_iovlen = static_cast<std::size_t>(count);
        const ssize_t n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
        if (n >= 0 || errno != ECONNREFUSED) {
            return n;
        }
        // That is what became of another query. This one's own refusal will be read, and c-ares
        // then moves all on that go to this server; without it they would time out.
        return ::sendmsg(fd, &message, MSG_NOSIGNAL);
    }

    /// A socket is new, wants something else, or (neither) is about to be closed.
    static void state(void* data, ares_socket_t fd, int readable, int writable) {
        epoll_event wanted{};
        wanted.events = (readable != 0 ? EPOLLIN : 0u) | (writable != 0 ? EPOLLOUT : 0u);
        wanted.data.fd = fd;
        const int epoll = self(data).epoll_.get();
        if (wanted.events == 0) {
            ::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr);
        } else if (::epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &wanted) != 0) {
            // If that fails, too, the query times out.
            ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &wanted);
        }
    }
};

result<std::unique_ptr<ares>> ares::make(const resolver_options& options, ares_listener& listener) {
    std::unique_ptr<ares> made(new ares(listener));
    if (const int error = made->open(options)) {
        return base::fail(error, "make a resolver");
    }
    return made;
}

ares::~ares() {
    if (channel_ != nullptr) {
        ::ares_destroy(channel_);
    }
}

int ares::open(const resolver_options& options) {
    constexpr long longest = INT_MAX / 1024;  // c-ares doubles it
    const long timeout = options.timeout.count();
    if (timeout < 1 || timeout > longest || options.tries < 1 || options.tries > 100) {
        return EINVAL;
    }
    if (const int status = initialize_library()) {
        return error_of_status(status);
    }
    epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_.valid()) {
        return errno;
    }
    std::string resolv_conf = options.resolv_conf;
    ares_options wanted{};
    wanted.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
    wanted.timeout = static_cast<int>(timeout);
    wanted.tries = static_cast<int>(options.tries);
    wanted.sock_state_cb = &ares_calls::state;
    wanted.sock_state_cb_data = this;
    wanted.resolvconf_path = resolv_conf.data();
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
               ARES_OPT_RESOLVCONF;
    if (const int status = ::ares_init_options(&channel_, &wanted, mask)) {
        channel_ = nullptr;
        return error_of_status(status);
    }
    static constexpr ares_socket_functions functions{
        .asocket = &ares_calls::open,
        .aclose = &ares_calls::close,
        .aconnect = &ares_calls::connect,
        .arecvfrom = &ares_calls::receive,
        .asendv = &ares_calls::send,
    };
    ::ares_set_socket_functions(channel_, &functions, this);
    if (const int error = set_servers(options.servers)) {
        return error;
    }
    return read_search();
}

int ares::set_servers(const std::vector<endpoint>& servers) {
    if (servers.empty()) {
        return 0;
    }
    std::vector<ares_addr_port_node> nodes(servers.size());
    for (std::size_t i = 0; i < servers.size(); ++i) {
        ares_addr_port_node& node = nodes[i];
        node.family = servers[i].family();
        node.udp_port = node.tcp_port = servers[i].port();
        node.next = i + 1 < nodes.size() ? &nodes[i + 1] : nullptr;
        if (node.family == AF_INET) {
            sockaddr_in address{};
            std::memcpy(&address, servers[i].data(), sizeof address);
            node.addr.addr4 = address.sin_addr;
        } else if (node.family == AF_INET6) {
            sockaddr_in6 address{};
            std::memcpy(&address, servers[i].data(), sizeof address);
            std::memcpy(&node.addr.addr6, &address.sin6_addr, sizeof address.sin6_addr);
        } else {
            return EINVAL;
        }
    }
    return error_of_status(::ares_set_servers_ports(channel_, nodes.data()));
}

int ares::read_search() {
    ares_options found{};
    int mask = 0;
    if (const int status = ::ares_save_options(channel_, &found, &mask)) {
        ::ares_destroy_options(&found);
        return error_of_status(status);
    }
    for (int i = 0; i < found.ndomains; ++i) {
        search_.emplace_back(found.domains[i]);
    }
    ndots_ = found.ndots >= 0 ? static_cast<unsigned>(found.ndots) : 1;
    ::ares_destroy_options(&found);
    return 0;
}

bool ares::send(std::uint16_t id, const std::string& name, record_type type) {
    unsigned char* query = nullptr;
    int size = 0;
    const int status =
        ::ares_create_query(name.c_str(), 1, static_cast<int>(type), id, 1, &query, &size, 0);
    if (status != ARES_SUCCESS) {
        ::ares_free_string(query);
        return false;
    }
    struct sent {
        ares_listener* listener;
        std::uint16_t id;
    };
    ::ares_send(
        channel_, query, size,
        [](void* argument, int outcome, int, unsigned char* message, int length) {
            const std::unique_ptr<sent> mine(static_cast<sent*>(argument));
            mine->listener->answered(mine->id, outcome,
                                     {message, static_cast<std::size_t>(std::max(length, 0))});
        },
        new sent{&listener_, id});
    ::ares_free_string(query);
    return true;
}

void ares::process() {
    std::array<epoll_event, 16> ready;
    const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
    for (int i = 0; i < count; ++i) {
        const epoll_event& e = ready[static_cast<std::size_t>(i)];
        // An error shows when it is read.
        const bool readable = (e.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
        const bool writable = (e.events & EPOLLOUT) != 0;
        ::ares_process_fd(channel_, readable ? e.data.fd : ARES_SOCKET_BAD,
                          writable ? e.data.fd : ARES_SOCKET_BAD);
    }
    if (count <= 0) {
        ::ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    }
}

deadline ares::next_timer() {
    timeval left{};
    if (::ares_timeout(channel_, nullptr, &left) == nullptr) {
        return deadline::never();
    }
    // It rounds down to milliseconds: whoever came too early would find nothing to do.
    return std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec) +
           std::chrono::milliseconds(1);
}

std::uint16_t random_number() {
    std::uint16_t number = 0;
    while (::getrandom(&number, sizeof number, 0) != sizeof number) {
        if (errno != EINTR) {
            throw std::system_error(errno, std::generic_category(), "getrandom");
        }
    }
    return number;
}

}  // namespace weft::dns
