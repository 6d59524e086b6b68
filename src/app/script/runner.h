#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/script/program.h"
#include "app/script/voice.h"

namespace reeve::app::script {

/// What a script is run with.
struct Setting {
  std::string_view name;  ///< of the script, for its errors
  std::string_view prompt;
  bool resumed = false;  ///< the vendor's session goes on from an earlier round
};

/// Does what a script says, in a voice. Blocks, like the CLI that it stands for.
class Runner {
 public:
  Runner(Setting setting, Voice& voice, Voice::Streams streams)
      : setting_(setting), voice_(voice), streams_(streams) {}

  /// The exit status. invalid_argument: the script's mistake, with its line; the stream then has no
  /// last line.
  Result<int> run(const std::vector<Statement>& script);

 private:
  /// Nothing: the script goes on. A number: it is over, with that exit status.
  using Step = Result<std::optional<int>>;

  Step block(const std::vector<Statement>& statements);
  Step statement(const Statement& statement);
  Step repeat(const Statement& statement);
  Step when(const Statement& statement);
  Step run_one(const Statement& statement);
  Step write_file(const Statement& statement);
  Step flaky(const Statement& statement);
  Step expect(const Statement& statement);
  [[noreturn]] void hang(bool hard);

  Result<std::string> filled(const Statement& statement);
  Result<std::string> filled_word(const Statement& statement, std::string_view word);
  [[nodiscard]] std::optional<std::string> value(std::string_view name) const;

  Setting setting_;
  Voice& voice_;
  Voice::Streams streams_;
  ToolResult last_;  ///< of the last `run`
  std::vector<std::int64_t> rounds_;
};

}  // namespace reeve::app::script
