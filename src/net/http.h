#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

/// HTTP messages as plain values.
namespace reeve::net {

/// In the order of the message. Names of what was read are lower case.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// The first value of that name (given in lower case), or empty.
std::string_view header(const Headers& headers, std::string_view name);

/// Who is at the other end, as the kernel says it.
struct Peer {
  bool local = false;  ///< a Unix socket: uid and pid are known
  unsigned uid = 0;
  int pid = 0;          ///< of who connected; it may have handed the socket on, or be gone
  std::string address;  ///< TCP: "127.0.0.1:54321"
};

struct Request {
  std::string method = "GET";
  std::string target = "/";           ///< as sent: path and query, encoded
  std::string path;                   ///< decoded; for display, not for routing (%2F is a slash)
  std::vector<std::string> segments;  ///< each decoded: "/v1/agents/a%2Fb" is v1, agents, a/b
  std::vector<std::pair<std::string, std::string>> query;  ///< decoded, "+" is a blank
  Headers headers;
  std::string body;
  Peer peer;

  /// The first value of that query parameter.
  [[nodiscard]] std::optional<std::string_view> param(std::string_view name) const;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
};

/// "Not Found"; empty for a status nobody has named.
std::string_view reason_phrase(int status);

/// Splits and decodes `target` into path, segments and query. invalid_argument: not in origin form
/// ("/path?query"), or badly encoded.
Status read_target(Request& request);

/// A response's head with the closing empty line. invalid_argument: a name or value that would
/// break out of its line.
Result<std::string> encode_head(int status, const Headers& headers);
/// A request's head. invalid_argument: as above, or the method or target.
Result<std::string> encode_head(std::string_view method, std::string_view target,
                                const Headers& headers);

/// {status, Content-Type: application/json, body}.
Response json_response(int status, std::string body);
/// An error as a problem (wire/problem.h). `status` 0: the one of its code.
Response problem_response(const Error& error, int status = 0);

}  // namespace reeve::net
