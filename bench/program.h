#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// Whole processes, measured from outside.
namespace reeve::bench {

/// The `reeve` that lies beside this program.
std::string reeve_program();
/// Runs a program to its end with its output thrown away; answers the seconds that it took. Throws
/// if it fails.
double run_program(std::vector<std::string> args);
/// Of `runs` times.
double median_run(const std::vector<std::string>& args, int runs = 60);

/// Resident memory of a process, in MB; without the pages that it shares with files.
double resident_mb(std::int64_t pid);
double anonymous_mb(std::int64_t pid);

}  // namespace reeve::bench
