#pragma once

#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "cli/options.h"
#include "cli/output.h"
#include "client/client.h"

namespace reeve::cli {

struct Entry;

/// What a command works with.
struct Session {
  std::ostream& out;  ///< the answer, and nothing else: it may be a pipe
  std::ostream& err;  ///< everything meant for a person watching
  Paint paint;
  bool json = false;
  std::string version;
  std::optional<std::string> town;  ///< --town DIR: where to look for the town, instead of here
  /// All commands that there are, in the order of the help.
  std::vector<const Entry*> entries = {};

  /// The town that this folder lies in.
  [[nodiscard]] Result<client::TownFolder> folder() const;
  [[nodiscard]] Result<client::Client> client() const;

  template <class T>
  void print_json(const T& value) {
    print(write_json_of(value));
  }
  void print(std::string_view line);
};

/// One verb. Made, told its options, run once.
class Command {
 public:
  virtual ~Command() = default;
  virtual void declare(Options& options) = 0;
  /// The error becomes a line on standard error and the exit code of its Errc.
  virtual Status run(Session& session) = 0;
};

struct Entry {
  std::string_view name;  ///< "spawn", or "task show"
  std::string_view summary;
  std::string_view examples;
  std::unique_ptr<Command> (*make)();
  bool hidden = false;  ///< not in the list of `reeve help`
};

template <class C>
std::unique_ptr<Command> make_command() {
  return std::make_unique<C>();
}

/// The commands of a client: the one list that dispatch and help are made from.
std::span<const Entry> commands();

/// Runs the command line; `more` are the commands of the program itself. Returns the exit code.
int run_program(std::span<const std::string> args, std::span<const Entry> more, Session session);

}  // namespace reeve::cli
