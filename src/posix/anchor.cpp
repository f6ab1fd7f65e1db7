// SPDX-License-Identifier: Apache-2.0
//
// Makes the linker take every part of this library, though nothing in the program asks for most of
// what they define: whoever links weft::posix tells it that weft_posix is needed (CMakeLists.txt),
// and this file needs a name of each of the others. Not the functions themselves: where a shared
// library that defines them, too, comes first, as a sanitizer's does, the linker looks no further.
extern "C" {

extern const char weft_posix_blocking_calls;
extern const char weft_posix_condition_calls;
extern const char weft_posix_connect_calls;
extern const char weft_posix_mutex_calls;
extern const char weft_posix_poll_calls;
extern const char weft_posix_read_calls;
extern const char weft_posix_rwlock_calls;
extern const char weft_posix_semaphore_calls;
extern const char weft_posix_sleep_calls;
extern const char weft_posix_write_calls;

extern const char* const weft_posix[];
const char* const weft_posix[] = {
    &weft_posix_blocking_calls, &weft_posix_condition_calls, &weft_posix_connect_calls,
    &weft_posix_mutex_calls,    &weft_posix_poll_calls,      &weft_posix_read_calls,
    &weft_posix_rwlock_calls,   &weft_posix_semaphore_calls, &weft_posix_sleep_calls,
    &weft_posix_write_calls,
};

}  // extern "C"
