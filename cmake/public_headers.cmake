# SPDX-License-Identifier: Apache-2.0
#
# The public API, by name. tools/check_sizes.py compares this list with include/weft.
set(WEFT_PUBLIC_HEADERS
    error.h
    time.h)
