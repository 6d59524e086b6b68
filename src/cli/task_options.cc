#include "cli/task_options.h"

#include "cli/input.h"

namespace reeve::cli {
namespace {

/// "a,b" is two.
std::vector<std::string> split_words(const std::vector<std::string>& values) {
  std::vector<std::string> words;
  for (const auto& value : values) {
    for (std::size_t begin = 0; begin <= value.size();) {
      const auto end = std::min(value.find(',', begin), value.size());
      const auto first = value.find_first_not_of(' ', begin);
      if (first < end) {
        const auto last = value.find_last_not_of(' ', end - 1);
        words.push_back(value.substr(first, last + 1 - first));
      }
      begin = end + 1;
    }
  }
  return words;
}

}  // namespace

void TaskOptions::declare(Options& options) {
  options.text("TEXT", request_.text, "What is to be done; - reads it from standard input");
  options.values("--tag,--tags", request_.tags,
                 "A word to find it by, and who it is for (repeatable, or several with commas)");
  options.choice("--priority", priority_, {"low", "normal", "high", "urgent"},
                 "Before what is lower");
  options.flag("--urgent", urgent_, "The same as --priority urgent");
  options.values("--after", request_.after,
                 "A task that must be completed before (repeatable, or several with commas)");
  options.value("--parent", request_.parent, "The task that it is a part of");
  options.flag("--notify", request_.notify, "Be told when it is over, by a message");
}

Result<api::AssignRequest> TaskOptions::read() {
  auto text = read_text(request_.text);
  if (!text) return fail(text.error());
  auto request = request_;
  request.text = std::move(*text);
  request.tags = split_words(request_.tags);
  request.after = split_words(request_.after);
  request.priority =
      urgent_ ? Priority::urgent : enum_from_name<Priority>(priority_).value_or(Priority::normal);
  return request;
}

}  // namespace reeve::cli
