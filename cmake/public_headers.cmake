# SPDX-License-Identifier: Apache-2.0
#
# The public API, by name. tools/check_sizes.py compares this list with include/weft.
# What lies in detail/ is included by the others and is no API.
set(WEFT_PUBLIC_HEADERS
    blocking.h
    buffered.h
    channel.h
    co.h
    co_channel.h
    condition_variable.h
    datagram.h
    errno.h
    error.h
    fair_entity.h
    fair_queue.h
    fiber.h
    fiber_group.h
    fiber_local.h
    file.h
    file_watch.h
    future.h
    generator.h
    latch.h
    mutex.h
    pipe.h
    poll.h
    process.h
    runtime.h
    scope.h
    select.h
    semaphore.h
    serve.h
    shared_mutex.h
    signal.h
    socket.h
    stats.h
    task.h
    ticker.h
    time.h
    wait_group.h
    detail/cancel_scope.h
    detail/channel_state.h
    detail/descriptor_owner.h
    detail/fair_cfs.h
    detail/fair_eevdf.h
    detail/fair_fifo.h
    detail/fair_tree.h
    detail/readiness_case.h
    detail/select_case.h
    detail/sync_awaiters.h
    detail/unique_fd.h
    detail/wait_queue.h)

# Of the optional components, which install their own.
set(WEFT_TLS_HEADERS tls.h)
set(WEFT_DNS_HEADERS dns.h)
