#pragma once  // internal
/// \file Looking on while values are computed: where in a network an op is, and what the scalar ops inside a
/// fused expression make. Behind anomaly mode and the diagnosis of recurrent layers.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/autograd/shape.hpp"

namespace unroll::detail {

template <class T>
struct Tensor;
template <class T>
class Node;

/// One of `count` equal blocks of columns; 1 is the whole.
struct Part {
  index_t number = 0, count = 1;
  bool operator==(const Part&) const = default;
};
/// Which columns of the array that it is cut out of a view holds.
template <class T>
Part part_of(const Tensor<T>& t);

/// One run of a recurrence, as those who look on know it.
struct Recurrence {
  std::string path;  ///< of the NameScopes around it
  bool reverse = false, packed = false;
  bool keeps_states = true;               ///< on the tape; recomputation does not
  index_t columns = 0;                    ///< of a gate
  std::string_view gate_names = {};       ///< "i f g o", or nothing
  std::vector<std::string> members = {};  ///< of the state
};

/// Where in a recurrence this thread is.
struct Place {
  std::shared_ptr<const Recurrence> run;
  index_t step = 0;         ///< of the loop; of a projection, the time at which its input begins
  bool projecting = false;  ///< before the loop

  /// "f"; "2 of 4" where the gates have no names.
  std::string gate(const Part& part) const;
  /// "layer 1, step 3, gate f: ". `part` may be the whole; `at` is the number along axis 0, or −1.
  std::string text(const Part& part = {}, index_t at = -1) const;

  static inline thread_local constinit const Place* current = nullptr;
};

/// What one scalar op of a fused expression made, in some elements.
struct OpOutcome {
  std::string_view op;
  int number;            ///< of the op in the expression, arguments first
  std::uint64_t inputs;  ///< bit k: input k of the expression goes into it, not by way of a sigmoid or tanh
  std::span<const double> values;
  bool bad;  ///< a value is NaN (or infinite, as AnomalyMode says), and the op's arguments there are not
};
class OpVisitor {
 public:
  virtual void see(const OpOutcome& outcome) = 0;

 protected:
  ~OpVisitor() = default;
};
/// The part that all inputs among `inputs` agree on, which are parts; else the whole.
Part common_part(std::uint64_t inputs, std::span<const Part> parts);

/// While it lives, sees what the fused expressions of this thread make. They nest.
class Onlooker : public OpVisitor {
 public:
  Onlooker() : outer_(innermost) { innermost = this; }
  Onlooker(const Onlooker&) = delete;
  Onlooker& operator=(const Onlooker&) = delete;
  static bool active() { return innermost != nullptr; }
  static Onlooker* first() { return innermost; }
  Onlooker* outer() const { return outer_; }
  /// Before and after one expression, whose inputs are these parts.
  virtual void begin(std::span<const Part> inputs) = 0;
  virtual void end() = 0;

 protected:
  ~Onlooker() { innermost = outer_; }

 private:
  Onlooker* outer_;
  static inline thread_local constinit Onlooker* innermost = nullptr;
};

}  // namespace unroll::detail
