#pragma once
/// \file What a finished run says about its model beside the log: for reports.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "unroll/train/classification.hpp"

namespace unroll {

/// What a program has found out about the model that a run has trained. Any part may be empty.
struct RunDetails {
  /// How often one class was taken for another.
  struct Confusion {
    std::string title = {};                 ///< what was classified
    std::vector<std::string> names = {};    ///< of the classes
    std::vector<std::int64_t> counts = {};  ///< row by row: the true class, then the predicted one
  };
  /// What a decoder attended to.
  struct Alignment {
    std::vector<std::string> source = {};  ///< words, one a column
    std::vector<std::string> target = {};  ///< words, one a row
    std::vector<double> weights = {};      ///< row by row, in [0, 1]
  };
  /// How often a gate was at its ends.
  struct Gate {
    std::string layer = {};     ///< "layer 0"
    std::string name = {};      ///< "f"
    std::string function = {};  ///< "sigmoid", "tanh"
    double low = 0;             ///< share of the outcomes at the lower end
    double high = 0;            ///< share of them at the upper end
  };
  /// How much a loss depends on earlier states.
  struct Gradient {
    std::string layer = {};          ///< "layer 0"
    std::string member = {};         ///< of the state: "h"
    std::vector<double> norms = {};  ///< by lag
  };
  /// A number with its name.
  struct Figure {
    std::string name = {};   ///< what was measured
    std::string value = {};  ///< with its unit
  };

  std::int64_t step = 0;                   ///< of the model that was looked at
  std::string measured_on = {};            ///< "valid.tsv: 2,001 sentences"
  std::vector<Figure> figures = {};        ///< results at the end
  std::vector<Confusion> confusions = {};  ///< of classes or tags
  std::vector<Alignment> alignments = {};  ///< of a few sentences
  std::vector<Gate> gates = {};            ///< of all layers
  std::vector<Gradient> gradients = {};    ///< of all layers

  /// Adds the counts of a matrix; of more than 1,024 classes, or beside four others, it is left out.
  /// Errors: UsageError unless there is a name for each class.
  void add(std::string title, const ConfusionMatrix& matrix, std::span<const std::string> names);
};

/// What:   writes the details to a file, whole or not at all. Texts need not be UTF-8.
/// Errors: DataError if the file cannot be written; it is then as it was.
void write_run_details(const std::string& path, const RunDetails& details);

/// What:   reads what write_run_details wrote.
/// Errors: DataError naming the file and the place in it for anything else: numbers out of range, lists that do not fit.
RunDetails read_run_details(const std::string& path);

}  // namespace unroll
