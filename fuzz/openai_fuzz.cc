// The reader of a model's answer: split anywhere it tells the same, a cut is never an answer, and
// the text that was told is the text that is answered.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "llm/openai/reader.h"

namespace {

using namespace reeve;

struct Reading {
  explicit Reading()
      : reader([this](AgentEvent event) { told.push_back(write_json(to_json(event))); },
               [this] { return "made_" + std::to_string(++made); }, Secret("key")) {}

  std::string read(std::string_view bytes, std::size_t step) {
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      if (!reader.feed(bytes.substr(at, step))) break;
    }
    const bool was_done = reader.done();
    const auto answer = reader.finish();
    if (!answer) return std::string(enum_name(answer.error().trouble));
    const auto first = bytes.find_first_not_of(" \t\r\n");
    REEVE_CHECK(was_done || bytes[first] == '{');
    for (const auto& call : answer->message.tool_calls)
      REEVE_CHECK(call.arguments.is_object() || !call.problem.empty());
    return write_json(to_json(answer->message)) + answer->finish_word + answer->model;
  }

  std::vector<std::string> told;
  int made = 0;
  llm::openai::Reader reader;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // The first byte says where the bytes are split.
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);  // NOLINT
  Reading whole;
  const auto expected = whole.read(bytes, bytes.size() + 1);
  Reading pieces;
  const auto got = pieces.read(bytes, 1 + data[0] % 32);
  REEVE_CHECK(got == expected);
  REEVE_CHECK(pieces.told == whole.told);
  return 0;
}
