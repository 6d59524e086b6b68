#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

/// Errors as RFC 9457 problems, the body of every answer that is not a success.
namespace reeve::wire {

inline constexpr std::string_view kProblemType = "application/problem+json";

/// {"type","title","status","detail","code"}: `type` is urn:reeve:error:CODE, `code` the name in
/// base/error.h, `detail` the error's text. `status` 0: the one of the code.
std::string write_problem(const Error& error, int status = 0);

/// The error that an answer of that status tells of. A body that is no problem (a proxy's page)
/// still gives one: the first code with that status, else by its class; its text is a short piece
/// of the body.
Error read_problem(int status, std::string_view body);

}  // namespace reeve::wire
