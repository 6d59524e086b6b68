#pragma once

namespace reeve {

/// Several lambdas as one visitor: std::visit(Overloaded{...}, variant).
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

}  // namespace reeve
