#pragma once

#include <optional>
#include <string_view>

#include "base/json.h"
#include "base/secret.h"
#include "base/time.h"
#include "llm/provider.h"
#include "net/http.h"

namespace reeve::llm::openai {

/// What an answer with an error status says. `now` is for a Retry-After that names a moment; the
/// key is hidden should the server repeat it.
ProviderError read_error(const net::Response& answer, Time now, const Secret& key);

/// What an error object inside of an answer says; `error` is the value of the member "error".
ProviderError read_error(const json::value& error, const Secret& key);

/// How long the server asks to wait: `retry-after-ms`, or `retry-after` in seconds or as a date.
std::optional<Duration> retry_after(const net::Headers& headers, Time now);

}  // namespace reeve::llm::openai
