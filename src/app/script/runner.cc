#include "app/script/runner.h"

#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "app/script/command.h"
#include "app/script/placeholders.h"

namespace reeve::app::script {
namespace {

constexpr int kFailed = 1;

}  // namespace

Result<int> Runner::run(const std::vector<Statement>& script) {
  const auto ended = block(script);
  if (!ended) return fail(ended.error());
  return *ended ? **ended : voice_.end_well();
}

Runner::Step Runner::block(const std::vector<Statement>& statements) {
  for (const auto& each : statements) {
    auto step = statement(each);
    if (!step || *step) return step;
  }
  return std::nullopt;
}

Runner::Step Runner::statement(const Statement& statement) {
  const auto number = [&](std::size_t index) {
    return static_cast<std::int64_t>(statement.numbers.at(index));
  };
  switch (statement.verb) {
    case Verb::raw: streams_.out << statement.text << '\n' << std::flush; return std::nullopt;
    case Verb::sleep:
      std::this_thread::sleep_for(std::chrono::milliseconds(number(0)));
      return std::nullopt;
    case Verb::big:
      voice_.say(std::string(static_cast<std::size_t>(number(0)), 'x'));
      return std::nullopt;
    case Verb::usage: {
      Spent spent{.input = number(0), .output = number(1), .cost_usd = {}};
      if (statement.numbers.size() > 2) spent.cost_usd = statement.numbers[2];
      voice_.spend(spent);
      return std::nullopt;
    }
    case Verb::rate_limit: voice_.rate_limit(number(0)); return std::nullopt;
    case Verb::hang: hang(statement.flag);
    case Verb::exit: voice_.end_well(); return static_cast<int>(number(0));
    case Verb::die:
      voice_.break_off();
      return statement.numbers.empty() ? kFailed : static_cast<int>(number(0));
    case Verb::repeat: return repeat(statement);
    case Verb::when: return when(statement);
    case Verb::run: return run_one(statement);
    case Verb::write:
    case Verb::append: return write_file(statement);
    case Verb::flaky: return flaky(statement);
    case Verb::expect: return expect(statement);
    default: break;
  }
  const auto text = filled(statement);
  if (!text) return fail(text.error());
  switch (statement.verb) {
    case Verb::say: voice_.say(*text); break;
    case Verb::delta: voice_.delta(*text); break;
    case Verb::think: voice_.think(*text); break;
    case Verb::session: voice_.session(*text); break;
    case Verb::stderr_: streams_.err << *text << '\n' << std::flush; break;
    case Verb::fail: return voice_.end_badly(*text);
    default: break;
  }
  return std::nullopt;
}

Runner::Step Runner::repeat(const Statement& statement) {
  rounds_.push_back(0);
  for (double round = 0; round < statement.numbers.front(); ++round) {
    ++rounds_.back();
    auto step = block(statement.body);
    if (!step || *step) return step;
  }
  rounds_.pop_back();
  return std::nullopt;
}

Runner::Step Runner::when(const Statement& statement) {
  const auto text = filled(statement);
  if (!text) return fail(text.error());
  bool holds = false;
  switch (statement.condition) {
    case Condition::prompt_contains: holds = setting_.prompt.contains(*text); break;
    case Condition::resumed: holds = setting_.resumed; break;
    case Condition::exists: {
      std::error_code ignored;
      holds = std::filesystem::exists(*text, ignored);
      break;
    }
    case Condition::failed: holds = last_.status != 0; break;
  }
  return block(holds != statement.flag ? statement.body : statement.otherwise);
}

Runner::Step Runner::run_one(const Statement& statement) {
  std::vector<std::string> argv;
  ToolUse use;
  for (const auto& word : statement.words) {
    auto value = filled_word(statement, word);
    if (!value) return fail(value.error());
    if (value->contains('\0'))
      return script_error(setting_.name, statement.line, "an argument has a NUL byte");
    use.command += (use.command.empty() ? "" : " ") + *value;
    argv.push_back(std::move(*value));
  }
  voice_.tool_started(use);
  constexpr int kNotFound = 127;  // as a shell says it
  if (auto ended = run_command(argv)) {
    last_ = {.output = std::move(ended->output), .status = ended->status};
  } else {
    last_ = {.output = ended.error().message(), .status = kNotFound};
  }
  voice_.tool_done(use, last_);
  return std::nullopt;
}

Runner::Step Runner::write_file(const Statement& statement) {
  const auto path = filled_word(statement, statement.words.front());
  if (!path) return fail(path.error());
  const auto text = filled(statement);
  if (!text) return fail(text.error());
  const ToolUse use{.is_command = false,
                    .command = {},
                    .path = *path,
                    .content = *text + "\n",
                    .append = statement.verb == Verb::append};
  voice_.tool_started(use);
  std::ofstream file(*path, std::ios::binary | (use.append ? std::ios::app : std::ios::trunc));
  file << use.content << std::flush;
  last_ = {.output = (file ? "wrote " : "cannot write ") + *path, .status = file ? 0 : kFailed};
  voice_.tool_done(use, last_);
  return std::nullopt;
}

Runner::Step Runner::flaky(const Statement& statement) {
  const auto path = filled_word(statement, statement.words.front());
  if (!path) return fail(path.error());
  std::int64_t before = 0;
  std::ifstream(*path) >> before;
  const auto times = static_cast<std::int64_t>(statement.numbers.front());
  if (before >= times) return std::nullopt;
  std::ofstream file(*path, std::ios::trunc);
  file << before + 1 << '\n' << std::flush;
  if (!file) return script_error(setting_.name, statement.line, "cannot write " + *path);
  return voice_.end_badly(fmt::format("flaky: attempt {} of {} that fail", before + 1, times));
}

Runner::Step Runner::expect(const Statement& statement) {
  const auto text = filled(statement);
  if (!text) return fail(text.error());
  if (setting_.prompt.contains(*text)) return std::nullopt;
  return voice_.end_badly(fmt::format("{}:{}: the prompt does not contain \"{}\"", setting_.name,
                                      statement.line, *text));
}

void Runner::hang(bool hard) {
  if (hard) {
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::signal(number, SIG_IGN);
  }
  for (;;) ::pause();
}

Result<std::string> Runner::filled(const Statement& statement) {
  auto text = fill(statement.text, [this](std::string_view name) { return value(name); });
  if (!text) return script_error(setting_.name, statement.line, text.error().message());
  return text;
}

Result<std::string> Runner::filled_word(const Statement& statement, std::string_view word) {
  auto text = fill_word(word, [this](std::string_view name) { return value(name); });
  if (!text) return script_error(setting_.name, statement.line, text.error().message());
  return text;
}

std::optional<std::string> Runner::value(std::string_view name) const {
  if (name == "PROMPT") return std::string(setting_.prompt);
  if (name == "OUTPUT") {
    std::string_view output = last_.output;
    while (output.ends_with('\n')) output.remove_suffix(1);
    return std::string(output);
  }
  if (name == "STATUS") return std::to_string(last_.status);
  if (name == "ROUND" && !rounds_.empty()) return std::to_string(rounds_.back());
  if (const char* set = std::getenv(std::string(name).c_str())) return std::string(set);
  return std::nullopt;
}

}  // namespace reeve::app::script
