// SPDX-License-Identifier: Apache-2.0
//
// The pthread mutex of weft::posix, for its condition variable.
#pragma once

#include <pthread.h>

#include <weft/time.h>

namespace weft::posix {

// As the pthread functions: 0 or an errno value.
int lock_mutex(pthread_mutex_t& m, deadline until = {}) noexcept;
int unlock_mutex(pthread_mutex_t& m) noexcept;

}  // namespace weft::posix
