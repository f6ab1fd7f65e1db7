// SPDX-License-Identifier: Apache-2.0
#include <weft/detail/descriptor_owner.h>

#include "io/poll_descriptor.h"

namespace weft::io {

descriptor_owner::~descriptor_owner() {
    if (descriptor_ != nullptr) {
        descriptor_->destroy();
    }
}

descriptor_owner& descriptor_owner::operator=(descriptor_owner&& other) noexcept {
    if (this != &other) {
        const descriptor_owner old(std::move(*this));
        descriptor_ = std::exchange(other.descriptor_, nullptr);
    }
    return *this;
}

void descriptor_owner::close() noexcept {
    if (descriptor_ != nullptr) {
        descriptor_->close();
    }
}

bool descriptor_owner::is_open() const noexcept {
    return descriptor_ != nullptr && !descriptor_->closed();
}

int descriptor_owner::native_handle() const noexcept {
    return is_open() ? descriptor_->fd() : -1;
}

int descriptor_owner::release() noexcept {
    return descriptor_ != nullptr ? std::exchange(descriptor_, nullptr)->release() : -1;
}

}  // namespace weft::io
