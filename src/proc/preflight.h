#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "proc/environment.h"
#include "proc/preset.h"

/// Whether a CLI will find what it needs, told from files and variables alone: nothing is executed
/// and nobody is asked. Blocks as files do.
namespace reeve::proc {

/// What is to be started, as its rounds will be.
struct Wanted {
  std::string cli;  ///< a preset's name or a command
  std::vector<std::string> args;
  Variables environment;  ///< what the round gets
  std::filesystem::path root;
};

/// The first regular file that may be executed of those that the program's name stands for; a
/// relative path begins at `root`.
std::optional<std::filesystem::path> find_program(const std::string& program, std::string_view path,
                                                  const std::filesystem::path& root);

enum class Login {
  unknown,  ///< there are no signs to look for
  found,
  perhaps,  ///< it may have one that cannot be seen
  missing,  ///< for certain
};
Login look_for_login(const LoginSigns& signs, const Variables& environment,
                     const std::filesystem::path& root);

struct Ready {
  std::filesystem::path program;
  Login login = Login::unknown;
  std::optional<std::string> note;  ///< what may be missing, and what to do
};
/// unavailable: it is not installed, or certainly not logged in; the text says how to mend it.
/// invalid_argument: no preset and no command.
Result<Ready> preflight(const Wanted& wanted);

}  // namespace reeve::proc
