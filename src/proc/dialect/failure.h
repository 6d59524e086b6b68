#pragma once

#include <boost/describe.hpp>

namespace reeve::proc {

/// Why a round did not complete: the closed vocabulary of RunFinished.code, on the wire by name.
enum class Failure {
  lost_result,            ///< the stream ended without the line that says how it went
  authentication_failed,  ///< no key, a wrong one, or not logged in
  rate_limited,           ///< the vendor lets no more requests through for now
  context_too_long,       ///< the conversation no longer fits the model
  max_turns,              ///< a limit that the user set
  budget,                 ///< a spending limit, or no credit left
  interrupted,            ///< the CLI was told to stop by somebody else than us
  exit_status,            ///< it ended with a status other than 0 and nothing says more
  signal,                 ///< it was killed by somebody else than us
  spawn_failed,           ///< it could not be started
  output_limit,           ///< it wrote more than a round may; we stopped it
  silence,                ///< it wrote nothing for too long; we stopped it
  deadline,               ///< it took too long; we stopped it
  session_not_found,      ///< the vendor does not know the session to resume
  server_error,           ///< the vendor's service failed or could not be reached
  permission_denied,      ///< it needed a permission that nobody gave, and ended there
  refused,                ///< the model or its provider declined to answer
  error,                  ///< anything else; the message says what
};
BOOST_DESCRIBE_ENUM(Failure, lost_result, authentication_failed, rate_limited, context_too_long,
                    max_turns, budget, interrupted, exit_status, signal, spawn_failed, output_limit,
                    silence, deadline, session_not_found, server_error, permission_denied, refused,
                    error)

}  // namespace reeve::proc
