#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <memory>

#include "base/env.h"
#include "store/store.h"

namespace reeve::store {

/// A store that lasts as long as its process: for simulation and tests, and the reference for the
/// contract suite. It has no threads; everything happens on the domain thread through Env::defer,
/// so a run follows from the Env alone. Promises neither G1 nor survival.
std::unique_ptr<Store> make_memory(Env& env, boost::asio::any_io_executor executor);

class Tables;
/// The same with that log and those tables.
std::unique_ptr<Store> make_memory(Env& env, boost::asio::any_io_executor executor, LogId log,
                                   Tables tables);
/// Of a store that make_memory() made; null: it is another one.
const Tables* tables_of(const Store& store);

}  // namespace reeve::store
