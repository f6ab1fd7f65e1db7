// SPDX-License-Identifier: Apache-2.0
#include "tls/bio.h"

#include <cerrno>
#include <span>

#include "tls/engine.h"

namespace weft::tls {

struct bio_calls {
    static engine& of(BIO* bio) noexcept { return *static_cast<engine*>(BIO_get_data(bio)); }

    static int read(BIO* bio, char* data, std::size_t size, std::size_t* got) noexcept {
        BIO_clear_retry_flags(bio);
        const ssize_t n = of(bio).receive(std::as_writable_bytes(std::span(data, size)));
        *got = n > 0 ? static_cast<std::size_t>(n) : 0;
        if (n == -EAGAIN) {
            BIO_set_retry_read(bio);
        }
        return n > 0 ? 1 : (n < 0 ? -1 : 0);
    }

    static int write(BIO* bio, const char* data, std::size_t size, std::size_t* put) noexcept {
        BIO_clear_retry_flags(bio);
        if (!of(bio).send(std::as_bytes(std::span(data, size)))) {
            *put = 0;
            return -1;
        }
        *put = size;
        return 1;
    }

    static long control(BIO* bio, int command, long /*number*/, void* /*pointer*/) noexcept {
        switch (command) {
            case BIO_CTRL_FLUSH:
                return 1;
            case BIO_CTRL_EOF:
                return of(bio).stream_over_ ? 1 : 0;
            default:
                return 0;
        }
    }
};

namespace {

using method_ptr = std::unique_ptr<BIO_METHOD, freed_by<&BIO_meth_free>>;

method_ptr make_method() noexcept {
    method_ptr method(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weft socket"));
    if (method == nullptr || BIO_meth_set_read_ex(method.get(), &bio_calls::read) != 1 ||
        BIO_meth_set_write_ex(method.get(), &bio_calls::write) != 1 ||
        BIO_meth_set_ctrl(method.get(), &bio_calls::control) != 1) {
        return nullptr;
    }
    return method;
}

}  // namespace

bio_ptr make_bio(engine& of) noexcept {
    static const BIO_METHOD* const method = make_method().release();  // BIOs may live until the end
    bio_ptr bio(method != nullptr ? BIO_new(method) : nullptr);
    if (bio != nullptr) {
        BIO_set_data(bio.get(), &of);
        BIO_set_init(bio.get(), 1);
    }
    return bio;
}

}  // namespace weft::tls
