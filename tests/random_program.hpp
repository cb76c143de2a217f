#pragma once
/// \file Random programs over arrays: what they are made of, and a plain interpreter of them.

#include <string>
#include <vector>

#include "arrays.hpp"

namespace unroll::tests {

/// An array without any cleverness: every element lies at its row-major place.
struct Plain {
  Shape shape;
  std::vector<double> x;

  Plain() = default;
  explicit Plain(const Shape& s) : shape(s), x(static_cast<std::size_t>(s.size())) {}
  explicit Plain(const Variable<double>& v) : shape(v.shape()), x(list(v)) {}
  double& operator[](index_t i) { return x[static_cast<std::size_t>(i)]; }
  double operator[](index_t i) const { return x[static_cast<std::size_t>(i)]; }
};

/// The index of element `flat` of an array.
std::vector<index_t> unravel(const Shape& shape, index_t flat);
/// The place of an index, counted from the last axis; axes of one element and missing ones repeat.
index_t ravel(const Shape& shape, const std::vector<index_t>& index);

enum class Do {
  tanh,
  sigmoid,
  sin,
  softplus,
  halve_square,
  negate,  // of one array
  add,
  subtract,
  multiply,
  divide,
  blend,
  tanh_product,  // of two that broadcast
  gate,          // of three that broadcast
  two_results,   // one fused op with two results
  sum,
  mean,
  matmul,
  linear,
  two_linears,
  concat,
  stack,  // array ops
  chunk,
  unbind,
  slice,
  strided,
  select,
  reshape,
  permute  // of which all but two are views
};

/// Registers are numbered in order of their making: the inputs first.
struct Instruction {
  Do what;
  std::vector<std::size_t> in;
  std::vector<index_t> numbers;  ///< axes, bounds, extents
};

struct Program {
  std::vector<Shape> inputs;
  std::vector<Instruction> steps;
  std::vector<std::size_t> outputs;  ///< registers whose weighted sum is the result
};

std::string text_of(const Program& program);

/// The results of one instruction, by loops over elements.
std::vector<Plain> interpret(const Instruction& step, const std::vector<Plain>& registers);
/// All registers.
std::vector<Plain> interpret(const Program& program, const std::vector<Plain>& inputs);
/// The results of one instruction, by the library.
std::vector<Variable<double>> execute(const Instruction& step,
                                      const std::vector<Variable<double>>& registers);

/// Whether two shapes broadcast.
bool fits(const Shape& a, const Shape& b);

}  // namespace unroll::tests
