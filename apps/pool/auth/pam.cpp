// SPDX-License-Identifier: Apache-2.0
#include "auth/pam.h"

#include <security/pam_appl.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace weft::pool {

namespace {

constexpr const char* service = "pgbouncer";

/// Whether a question is one that can be answered; the answer, null if it wants none.
bool reply(int style, const std::string& password, char*& answer) {
    switch (style) {
        case PAM_PROMPT_ECHO_OFF:
            answer = ::strdup(password.c_str());
            return answer != nullptr;
        case PAM_ERROR_MSG:
        case PAM_TEXT_INFO:
            return true;
        default:
            return false;  // nobody is there to be asked anything else
    }
}

/// PAM frees what it gets here, by free().
int converse(int count, const pam_message** messages, pam_response** out, void* about) {
    if (count <= 0 || count > PAM_MAX_NUM_MSG) {
        return PAM_CONV_ERR;
    }
    const auto size = static_cast<std::size_t>(count);
    auto* const answers = static_cast<pam_response*>(std::calloc(size, sizeof(pam_response)));
    if (answers == nullptr) {
        return PAM_BUF_ERR;
    }
    const std::string& password = static_cast<const pam_question*>(about)->password;
    for (std::size_t i = 0; i < size; ++i) {
        if (!reply(messages[i]->msg_style, password, answers[i].resp)) {
            for (std::size_t k = 0; k < i; ++k) {
                std::free(answers[k].resp);
            }
            std::free(answers);
            return PAM_CONV_ERR;
        }
    }
    *out = answers;
    return PAM_SUCCESS;
}

/// A transaction of PAM's.
class pam_transaction {
public:
    explicit pam_transaction(const pam_question& about) : talk_{&converse, forget_const(about)} {
        done_ = ::pam_start(service, about.user.c_str(), &talk_, &handle_);
    }
    pam_transaction(const pam_transaction&) = delete;
    pam_transaction& operator=(const pam_transaction&) = delete;
    ~pam_transaction() {
        if (handle_ != nullptr) {
            ::pam_end(handle_, done_);
        }
    }

    /// Does not begin if the one before has failed.
    template <class Step>
    void then(std::string_view name, Step step) {
        if (done_ == PAM_SUCCESS) {
            name_ = name;
            done_ = step(handle_);
        }
    }

    [[nodiscard]] std::expected<void, std::string> outcome() const {
        if (done_ == PAM_SUCCESS) {
            return {};
        }
        return std::unexpected(std::string(name_) + "() failed: " + ::pam_strerror(handle_, done_));
    }

private:
    static void* forget_const(const pam_question& about) {
        return const_cast<pam_question*>(&about);
    }

    pam_conv talk_;
    pam_handle_t* handle_ = nullptr;
    int done_ = PAM_SUCCESS;
    std::string_view name_ = "pam_start";
};

}  // namespace

bool has_pam() noexcept {
    return true;
}

std::expected<void, std::string> ask_pam(const pam_question& about) {
    pam_transaction asking(about);
    asking.then("pam_set_item",
                [&](auto* pam) { return ::pam_set_item(pam, PAM_RHOST, about.host.c_str()); });
    asking.then("pam_authenticate", [](auto* pam) {
        return ::pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
    });
    // The account may be over, or may not come at this time of the day.
    asking.then("pam_acct_mgmt", [](auto* pam) { return ::pam_acct_mgmt(pam, PAM_SILENT); });
    return asking.outcome();
}

}  // namespace weft::pool
