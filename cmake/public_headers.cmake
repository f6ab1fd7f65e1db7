# SPDX-License-Identifier: Apache-2.0
#
# The public API, by name. tools/check_sizes.py compares this list with include/weft.
set(WEFT_PUBLIC_HEADERS
    async.h
    blocking.h
    condition_variable.h
    error.h
    fair_cfs.h
    fair_eevdf.h
    fair_entity.h
    fair_fifo.h
    fair_queue.h
    fair_tree.h
    fiber.h
    fiber_group.h
    mutex.h
    runtime.h
    semaphore.h
    serve.h
    socket.h
    stats.h
    task.h
    time.h
    wait_group.h
    wait_queue.h)
