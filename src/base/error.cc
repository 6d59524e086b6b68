#include "base/error.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace reeve {
namespace {

constexpr std::array kCodes{
    ErrorCode{Errc::internal, "internal", 500, -32603, 1},
    ErrorCode{Errc::invalid_argument, "invalid_argument", 400, -32602, 2},
    ErrorCode{Errc::not_found, "not_found", 404, -32001, 3},
    ErrorCode{Errc::conflict, "conflict", 409, -32002, 4},
    ErrorCode{Errc::fenced, "fenced", 409, -32003, 4},
    ErrorCode{Errc::timeout, "timeout", 504, -32004, 5},
    ErrorCode{Errc::cancelled, "cancelled", 409, -32005, 1},
    ErrorCode{Errc::denied, "denied", 403, -32006, 7},
    ErrorCode{Errc::unauthenticated, "unauthenticated", 401, -32007, 7},
    ErrorCode{Errc::too_large, "too_large", 413, -32008, 2},
    ErrorCode{Errc::unavailable, "unavailable", 503, -32009, 6},
    ErrorCode{Errc::unknown_outcome, "unknown_outcome", 503, -32010, 6},
    ErrorCode{Errc::cursor_expired, "cursor_expired", 410, -32011, 1},
    ErrorCode{Errc::cursor_foreign, "cursor_foreign", 409, -32012, 1},
    ErrorCode{Errc::storage_full, "storage_full", 507, -32013, 1},
    ErrorCode{Errc::read_only, "read_only", 503, -32014, 1},
    ErrorCode{Errc::corrupt, "corrupt", 500, -32015, 1},
    ErrorCode{Errc::unsupported, "unsupported", 501, -32016, 1},
};

}  // namespace

std::span<const ErrorCode> error_codes() { return kCodes; }

const ErrorCode& describe(Errc code) { return *std::ranges::find(kCodes, code, &ErrorCode::code); }

Errc errc_from_name(std::string_view name) {
  const auto* found = std::ranges::find(kCodes, name, &ErrorCode::name);
  return found == kCodes.end() ? Errc::internal : found->code;
}

Error Error::during(std::string_view what) const {
  std::string told(what);
  told += ": ";
  told += message_;
  return {code_, std::move(told)};
}

void broken_invariant(const char* expression, const char* file, int line) {
  throw BrokenInvariant(std::string(file) + ":" + std::to_string(line) +
                        ": broken invariant: " + expression);
}

std::string errno_text(int error_number) { return std::system_category().message(error_number); }

Error os_error(int error_number, std::string_view what) {
  Errc code = Errc::unavailable;
  switch (error_number) {
    case ENOENT:
    case ENOTDIR: code = Errc::not_found; break;
    case ENOSPC:
    case EDQUOT: code = Errc::storage_full; break;
    case EROFS: code = Errc::read_only; break;
    case EACCES:
    case EPERM: code = Errc::denied; break;
    case EEXIST: code = Errc::conflict; break;
    case ENAMETOOLONG:
    case EINVAL: code = Errc::invalid_argument; break;
    default: break;
  }
  return Error(code, errno_text(error_number)).during(what);
}

}  // namespace reeve
