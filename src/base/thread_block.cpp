// SPDX-License-Identifier: Apache-2.0
#include "base/thread_block.h"

namespace weft::base {

extern "C" {
thread_local constinit thread_block weft_thread_block;
}

}  // namespace weft::base
