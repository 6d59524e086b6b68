#pragma once

#include <cstdint>
#include <memory>
#include <string>

/// A file system for tests that keeps in memory what was not synced, so that a power cut can be
/// played: what SQLite wrote reaches the real files at xSync only.
namespace reeve::store::sqlite {

class FaultyVfs {
 public:
  /// Registers itself with SQLite under `name`; one at a time per name.
  FaultyVfs(std::string name, std::uint32_t seed);
  ~FaultyVfs();
  FaultyVfs(const FaultyVfs&) = delete;
  FaultyVfs& operator=(const FaultyVfs&) = delete;
  [[nodiscard]] const std::string& name() const;

  /// The power goes at the n-th write, cut or sync from now on. Of what was not synced then each
  /// write survives or not, or in part, by chance. Everything fails until power_on().
  void cut_after(std::uint64_t operations);
  [[nodiscard]] bool is_off() const;
  /// To be called when all connections are closed: the files are what the disk has.
  void power_on();

  /// The next sync of a write-ahead log fails, and what it was to sync never reaches the disk
  /// although later syncs succeed (as on Linux).
  void fail_next_wal_sync();
  /// Every write fails with "disk full" while set.
  void set_full(bool full);
  [[nodiscard]] std::uint64_t syncs() const;

  struct State;  // known to the .cc only

 private:
  std::unique_ptr<State> state_;
};

}  // namespace reeve::store::sqlite
