// SPDX-License-Identifier: Apache-2.0
//
// The BIO by which OpenSSL reads and writes: the socket of an engine, tried and never waited for.
#pragma once

#include "tls/openssl.h"

namespace weft::tls {

class engine;

/// For `of`, which must outlive it. Null when memory is out.
bio_ptr make_bio(engine& of) noexcept;

}  // namespace weft::tls
