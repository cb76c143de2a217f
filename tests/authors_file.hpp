#pragma once
/// \file State dicts in the names of a network's authors, made by tests.

#include <string>
#include <vector>

#include "arrays.hpp"
#include "unroll/io/tensor_file.hpp"
#include "unroll/layers/module.hpp"

namespace unroll::tests {

/// A file that a test fills, and whose arrays it can compute with.
class AuthorsFile {
 public:
  explicit AuthorsFile(std::string prefix = "") : prefix_(std::move(prefix)) {}

  AuthorsFile& add(const std::string& name, const Variable<double>& array) {
    file_.add<double>(prefix_ + name, {array.shape().begin(), array.shape().end()}, list(array));
    return *this;
  }
  /// Numbers drawn at random.
  AuthorsFile& draw(const std::string& name, const Shape& shape) {
    return add(name, random_parameter(shape, 100 + file_.size(), -0.7, 0.7));
  }
  /// An array as it was added.
  Variable<double> operator[](const std::string& name) const {
    const io::StoredTensor& stored = file_.at(prefix_ + name);
    return values(Shape(stored.shape.begin(), stored.shape.end()), file_.get<double>(prefix_ + name))
        .detach();
  }
  void prefix(std::string prefix) { prefix_ = std::move(prefix); }
  const io::TensorFile& file() const { return file_; }

 private:
  std::string prefix_;
  io::TensorFile file_{"theirs.safetensors"};
};

/// All parameters of a module, one after the other.
template <Module M>
std::vector<double> all_numbers(const M& module) {
  std::vector<double> all;
  for (const auto& p : parameters(module))
    for (const double v : list(p.variable)) all.push_back(v);
  return all;
}

}  // namespace unroll::tests
