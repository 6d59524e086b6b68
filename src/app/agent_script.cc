#include "app/agent_script.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>

#include "app/script/program.h"
#include "app/script/runner.h"
#include "app/script/voice.h"
#include "base/error.h"
#include "base/limits.h"
#include "proc/dialect/dialect.h"

namespace reeve::app {
namespace {

constexpr int kMistake = 2;

struct Options {
  std::string dialect = "text";
  std::string file;
  std::optional<std::string> session;  ///< what the real CLI would have been told
  bool resumed = false;
};

/// The session among the arguments that presets give to the real CLIs.
void find_session(std::span<const std::string> args, Options& options) {
  constexpr std::array<std::string_view, 3> kResume{"--resume", "--session", "resume"};
  for (std::size_t i = 0; i < args.size(); ++i) {
    const std::string_view arg = args[i];
    const auto equals = arg.starts_with("--") ? arg.find('=') : std::string_view::npos;
    const auto name = arg.substr(0, equals);
    const bool resumes = std::ranges::find(kResume, name) != kResume.end();
    if (!resumes && name != "--session-id") continue;
    std::string value;
    if (equals != std::string_view::npos) {
      value = arg.substr(equals + 1);
    } else if (i + 1 < args.size()) {
      value = args[++i];
    }
    if (value.empty() || value.starts_with('-')) continue;
    options.session = value;
    options.resumed = resumes;
  }
}

Result<Options> read_options(std::span<const std::string> args) {
  const auto usage = [] { return fail(Errc::invalid_argument, std::string(kAgentScriptUsage)); };
  Options options;
  constexpr std::string_view kDialect = "--dialect";
  std::size_t at = 0;
  for (; at < args.size() && args[at].starts_with("-"); ++at) {
    const std::string_view arg = args[at];
    if (arg == kDialect && at + 1 < args.size()) {
      options.dialect = args[++at];
    } else if (arg.starts_with(kDialect) && arg.substr(kDialect.size()).starts_with('=')) {
      options.dialect = arg.substr(kDialect.size() + 1);
    } else {
      return usage();
    }
  }
  if (at == args.size()) return usage();
  options.file = args[at];
  const auto names = proc::dialect_names();
  if (std::ranges::find(names, options.dialect) == names.end()) {
    std::string all;
    for (const auto name : names) all += (all.empty() ? "" : ", ") + std::string(name);
    return fail(Errc::invalid_argument,
                "there is no dialect \"" + options.dialect + "\"; there are " + all);
  }
  find_session(args.subspan(at + 1), options);
  return options;
}

/// At most `limit` bytes. too_large.
Result<std::string> read_all(std::istream& in, std::size_t limit, const std::string& what) {
  std::string text;
  std::array<char, 64 << 10> chunk{};
  while (in.read(chunk.data(), chunk.size()) || in.gcount() > 0) {
    text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > limit)
      return fail(Errc::too_large, what + " is larger than " + std::to_string(limit) + " bytes");
  }
  return text;
}

Result<std::string> read_script(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored))
    return fail(Errc::not_found, path + ": cannot read this script");
  return read_all(file, limits::kScriptFile, path);
}

Result<int> run(std::span<const std::string> args, std::istream& prompt,
                script::Voice::Streams streams) {
  const auto options = read_options(args);
  if (!options) return fail(options.error());
  const auto text = read_script(options->file);
  if (!text) return fail(text.error());
  const auto script = script::parse_script(*text, options->file);
  if (!script) return fail(script.error());

  const bool asks_a_person = &prompt == &std::cin && ::isatty(STDIN_FILENO) != 0;
  const auto asked =
      asks_a_person ? Result<std::string>("") : read_all(prompt, limits::kText, "the prompt");
  if (!asked) return fail(asked.error());

  std::error_code ignored;
  script::Voice::Identity identity{
      .session = options->session.value_or(script::random_session(options->dialect)),
      .folder = std::filesystem::current_path(ignored).string()};
  const auto voice = script::make_voice(options->dialect, streams, std::move(identity));
  script::Runner runner({.name = options->file, .prompt = *asked, .resumed = options->resumed},
                        *voice, streams);
  return runner.run(*script);
}

class AgentScript final : public cli::Command {
  void declare(cli::Options& options) override {
    options.positional("FILE", file_, "The script; docs/agent-script.md says what may stand in it");
    options.value("--dialect", dialect_,
                  "claude, codex, gemini, qwen, opencode, pi or text: whose stream it writes");
    options.rest("ARGUMENT", rest_, "What a real CLI would be given");
  }
  Status run(cli::Session&) override {
    return fail(Errc::invalid_argument, "write agent-script first: reeve agent-script FILE");
  }
  std::string file_;
  std::string dialect_ = "text";
  std::vector<std::string> rest_;
};

}  // namespace

std::unique_ptr<cli::Command> make_agent_script() { return std::make_unique<AgentScript>(); }

int run_agent_script(std::span<const std::string> args, std::istream& prompt, std::ostream& out,
                     std::ostream& err) {
  if (!args.empty() && (args[0] == "--help" || args[0] == "-h")) {
    out << kAgentScriptUsage << "\nThe script's language: docs/agent-script.md\n";
    return 0;
  }
  const auto status = run(args, prompt, {.out = out, .err = err});
  if (status) return *status;
  err << status.error().message() << '\n' << std::flush;
  return kMistake;
}

}  // namespace reeve::app
