#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "llm/openai/reader.h"
#include "llm/testing.h"

/// What the tests of this folder share. Not part of the library.
namespace reeve::llm::openai::testing {

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
/// A recorded stream of tests/fixtures/llm.
inline std::string transcript(const std::string& name) {
  return read_file(std::filesystem::path(REEVE_FIXTURES) / "llm" / (name + ".sse"));
}
/// All of them, by name.
inline std::map<std::string, std::string> transcripts() {
  std::map<std::string, std::string> out;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(REEVE_FIXTURES) / "llm")) {
    if (entry.path().extension() == ".sse") out[entry.path().stem()] = read_file(entry.path());
  }
  EXPECT_FALSE(out.empty());
  return out;
}

/// One reading of an answer.
struct Reading {
  explicit Reading(Secret key = Secret())
      : reader(
            heard.on_event(), [this] { return "made_" + std::to_string(++made); }, std::move(key)) {
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  /// In pieces of that size.
  ChatResult read(std::string_view bytes, std::size_t step = std::string_view::npos) {
    while (!bytes.empty()) {
      const auto piece = bytes.substr(0, step);
      if (auto fed = reader.feed(piece); !fed) return std::unexpected(fed.error());
      bytes.remove_prefix(piece.size());
    }
    return reader.finish();
  }

  llm::testing::Heard heard;
  int made = 0;
  Reader reader;
};

/// Everything of an answer, to compare.
inline std::string told(const ChatResult& answer) {
  if (!answer) {
    return std::string(enum_name(answer.error().trouble)) + ": " + answer.error().message();
  }
  json::object out{{"message", to_json(answer->message)},
                   {"finish", enum_name(answer->finish_reason)},
                   {"word", answer->finish_word},
                   {"model", answer->model}};
  if (answer->usage) out["usage"] = to_json_value(*answer->usage);
  return write_json(out);
}

}  // namespace reeve::llm::openai::testing
