#include "llm/provider.h"

namespace reeve::llm {

Errc errc_of(Trouble trouble) {
  switch (trouble) {
    case Trouble::authentication: return Errc::unauthenticated;
    case Trouble::rate_limited:
    case Trouble::overloaded:
    case Trouble::unreachable:
    case Trouble::truncated_stream: return Errc::unavailable;
    case Trouble::context_too_long:
    case Trouble::answer_too_large: return Errc::too_large;
    case Trouble::content_filter:
    case Trouble::quota_exhausted: return Errc::denied;
    case Trouble::misconfigured:
    case Trouble::bad_request: return Errc::invalid_argument;
    case Trouble::no_such_model: return Errc::not_found;
    case Trouble::timed_out: return Errc::timeout;
    case Trouble::malformed: return Errc::unsupported;
  }
  return Errc::internal;
}

bool may_pass(Trouble trouble) {
  switch (trouble) {
    case Trouble::rate_limited:
    case Trouble::overloaded:
    case Trouble::unreachable:
    case Trouble::timed_out:
    case Trouble::truncated_stream: return true;
    case Trouble::authentication:
    case Trouble::quota_exhausted:
    case Trouble::misconfigured:
    case Trouble::context_too_long:
    case Trouble::content_filter:
    case Trouble::bad_request:
    case Trouble::no_such_model:
    case Trouble::malformed:
    case Trouble::answer_too_large: return false;
  }
  return false;
}

}  // namespace reeve::llm
