#pragma once

#include <boost/describe.hpp>

#include <string>
#include <utility>
#include <vector>

/// What `reeve doctor` tells.
namespace reeve::app {

enum class Verdict {
  good,
  note,  ///< worth knowing; nothing is broken by it now
  bad,   ///< to be mended; the text says how
};
BOOST_DESCRIBE_ENUM(Verdict, good, note, bad)

struct Finding {
  std::string subject;
  Verdict verdict = Verdict::good;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Finding, (), (subject, verdict, text))

class Findings {
 public:
  void add(std::string subject, Verdict verdict, std::string text) {
    all_.push_back({std::move(subject), verdict, std::move(text)});
  }
  [[nodiscard]] const std::vector<Finding>& all() const { return all_; }
  [[nodiscard]] bool any_bad() const {
    for (const auto& finding : all_) {
      if (finding.verdict == Verdict::bad) return true;
    }
    return false;
  }

 private:
  std::vector<Finding> all_;
};

}  // namespace reeve::app
