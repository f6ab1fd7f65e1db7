// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <weft/serve.h>

#include <chrono>

#include "responses.h"

namespace http {

/// What a request is answered with. Views in it may be those of the request.
using answer_function = response (*)(const request_reader& request);

/// Answers a client's requests in their order, until it has had enough, says something that is no
/// request, lets more than `patience` pass between two requests, within one (408) or while an
/// answer waits to be taken, or until the server is stopped: what has come by then is answered.
void serve_client(weft::connection& client, std::chrono::seconds patience, answer_function answer);

}  // namespace http
