#include "harness.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <iostream>

namespace reeve::bench {

std::vector<Bench>& benches() {
  static std::vector<Bench> all;
  return all;
}

std::filesystem::path Run::fresh_folder(std::string_view name) {
  auto path = folder_ / name;
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

void Run::report(const Figure& figure) const {
  if (json_) {
    boost::json::object object{
        {"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}};
    if (figure.ratio) {
      object["ratio"] = *figure.ratio;
      object["baseline"] = figure.baseline;
    }
    std::cout << boost::json::serialize(object) << '\n' << std::flush;
    return;
  }
  auto line = fmt::format("{:<32} {:>14.4g} {:<10}", figure.name, figure.value, figure.unit);
  if (figure.ratio) line += fmt::format(" {:>8.2f} x {}", *figure.ratio, figure.baseline);
  std::cout << line << '\n' << std::flush;
}

void Run::report(const std::string& name, double value, const std::string& unit,
                 const std::vector<Baseline>& baselines) const {
  if (baselines.empty()) report(Figure{.name = name, .value = value, .unit = unit});
  for (const auto& baseline : baselines) {
    report(Figure{.name = name,
                  .value = value,
                  .unit = unit,
                  .ratio = value / baseline.value,
                  .baseline = baseline.name});
  }
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

}  // namespace reeve::bench
