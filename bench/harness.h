#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// A small harness for figures that are compared within one run. A file with benches says
///
///     const bench::Registration kMine{"name", "what it measures", [](bench::Run& run) { ... }};
///
/// and calls run.report() for each figure.
namespace reeve::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
  std::optional<double> ratio;  ///< value / baseline's value
  std::string baseline;         ///< what `ratio` compares with
};

/// What a bench may use while it runs.
class Run {
 public:
  Run(std::filesystem::path folder, bool json) : folder_(std::move(folder)), json_(json) {}
  /// A folder that is empty, on the disk that is measured.
  [[nodiscard]] std::filesystem::path fresh_folder(std::string_view name);
  /// Prints one line.
  void report(const Figure& figure) const;
  /// The value, and a line for each baseline that it is compared with.
  struct Baseline {
    std::string name;
    double value = 0;
  };
  void report(const std::string& name, double value, const std::string& unit,
              const std::vector<Baseline>& baselines) const;

 private:
  std::filesystem::path folder_;
  bool json_;
};

struct Bench {
  std::string name;
  std::string about;
  std::function<void(Run&)> run;
};
std::vector<Bench>& benches();

struct Registration {
  Registration(std::string name, std::string about, std::function<void(Run&)> run) {
    benches().push_back({std::move(name), std::move(about), std::move(run)});
  }
};

double median(std::vector<double> values);

}  // namespace reeve::bench
