#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// One seed from its beginning to its end.
namespace reeve::sim {

struct Outcome {
  std::vector<std::string> findings;  ///< what must not be; nothing: the town kept its promises
  std::uint64_t trace = 0;            ///< the same for the same seed and program
  std::uint64_t events = 0;
  std::uint64_t faults = 0;
  int crashes = 0;
};

/// `verbose`: each step is printed. A seed that hangs ends the program, with `reproduce` and what
/// it waits for.
Outcome play(std::uint64_t seed, bool verbose);
/// The command that plays it again.
std::string reproduce(std::uint64_t seed);

}  // namespace reeve::sim
