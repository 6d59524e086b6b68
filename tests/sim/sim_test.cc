// Thousands of towns, each from a seed: README.md says what they do and what must hold.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "base/logging.h"
#include "play.h"
#include "store/testing.h"

namespace reeve::sim {
namespace {

/// So that CTest plays them on all processors.
constexpr std::uint64_t kShares = 8;

std::optional<std::uint64_t> number_from(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  return std::stoull(text);
}

/// What is printed if the program dies, or has been at one seed for a minute, which takes
/// milliseconds: a handler may only write.
std::array<char, 200> last_words{};

void say_last_words(int signal) {
  const auto written = ::write(STDERR_FILENO, last_words.data(), std::strlen(last_words.data()));
  static_cast<void>(written);
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

Outcome play_guarded(std::uint64_t seed, bool verbose) {
  const auto text = fmt::format("\nseed {} ends the program\n  again: {}\n", seed, reproduce(seed));
  std::ranges::copy(text + '\0', last_words.begin());
  for (const int signal : {SIGABRT, SIGSEGV, SIGALRM}) std::signal(signal, say_last_words);
  ::alarm(60);
  auto outcome = play(seed, verbose);
  ::alarm(0);
  return outcome;
}

/// Store trouble is what they are here for: nobody needs to read of it, unless he asks.
void quiet() {
  static const store::ScratchDir dir;
  if (std::getenv("REEVE_SIM_LOG") != nullptr) return;
  logging::to_file(dir.file("log"));
  logging::set_level(logging::Level::error);
}

void report(std::uint64_t seed, const Outcome& outcome) {
  std::string text;
  for (const auto& finding : outcome.findings) text += "\n  " + finding;
  ADD_FAILURE() << "seed " << seed << " (of " << outcome.events << " events):" << text
                << "\n  again: " << reproduce(seed);
}

class Sim : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Sim, EverySeedKeepsTheGuarantees) {
  quiet();
  if (const auto seed = number_from("REEVE_SIM_SEED")) {
    if (*seed % kShares != GetParam()) GTEST_SKIP() << "another share has it";
    const auto outcome = play_guarded(*seed, true);
    if (!outcome.findings.empty()) report(*seed, outcome);
    return;
  }
  const auto seeds = number_from("REEVE_SIM_SEEDS").value_or(8000);
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t played = 0, events = 0, faults = 0, crashes = 0;
  int failures = 0;
  // Seed 0 is nobody's: they count from 1.
  for (std::uint64_t seed = GetParam() == 0 ? kShares : GetParam(); seed <= seeds;
       seed += kShares) {
    const auto outcome = play_guarded(seed, false);
    ++played;
    events += outcome.events;
    faults += outcome.faults;
    crashes += static_cast<std::uint64_t>(outcome.crashes);
    if (outcome.findings.empty()) continue;
    report(seed, outcome);
    if (++failures == 10) break;  // enough to begin with
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print("{} seeds in {:.1f} s: {} events, {} faults, {} crashes\n", played, took.count(),
             events, faults, crashes);
}
INSTANTIATE_TEST_SUITE_P(Share, Sim, ::testing::Range<std::uint64_t>(0, kShares));

TEST(SimItself, TheSameSeedTakesTheSameCourse) {
  if (number_from("REEVE_SIM_SEED")) GTEST_SKIP();
  quiet();
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    const auto first = play_guarded(seed, false);
    const auto again = play_guarded(seed, false);
    EXPECT_EQ(first.trace, again.trace) << "seed " << seed;
    EXPECT_EQ(first.events, again.events) << "seed " << seed;
    EXPECT_GT(first.events, 0U) << "seed " << seed;
  }
}

}  // namespace
}  // namespace reeve::sim
