#include "base/logging.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <utility>

namespace reeve::logging {
namespace {

constexpr std::size_t kFileSize = 8 << 20;

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("reeve", std::move(sink));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::info);
  return logger;
}

std::shared_ptr<spdlog::logger>& logger() {
  static auto instance = make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  return instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug: return spdlog::level::debug;
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

void write(Level level, std::string_view text) { logger()->log(to_spdlog(level), text); }

void to_file(const std::filesystem::path& path) {
  const auto old_mask = ::umask(0077);
  logger() = make_logger(
      std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path.string(), kFileSize, 1));
  ::umask(old_mask);
}

void set_level(Level level) { logger()->set_level(to_spdlog(level)); }

}  // namespace reeve::logging
