// SPDX-License-Identifier: Apache-2.0
//
// Makes the linker take every part of this library, though nothing in the program asks for most of
// what they define: whoever links weft::posix tells it that weft_posix is needed (CMakeLists.txt),
// and this file needs one function of each of the others.
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

extern "C" {

extern void* const weft_posix[];
void* const weft_posix[] = {
    reinterpret_cast<void*>(&::read),
    reinterpret_cast<void*>(&::write),
    reinterpret_cast<void*>(&::connect),
    reinterpret_cast<void*>(&::poll),
    reinterpret_cast<void*>(&::sleep),
    reinterpret_cast<void*>(&::fsync),
    reinterpret_cast<void*>(&::sem_post),
    reinterpret_cast<void*>(static_cast<int (*)(pthread_mutex_t*) noexcept>(&::pthread_mutex_lock)),
    reinterpret_cast<void*>(static_cast<int (*)(pthread_cond_t*) noexcept>(&::pthread_cond_signal)),
    reinterpret_cast<void*>(
        static_cast<int (*)(pthread_rwlock_t*) noexcept>(&::pthread_rwlock_unlock)),
};

}  // extern "C"
