// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/detail/unique_fd.h>

namespace weft::base {

using weft::unique_fd;

}  // namespace weft::base
