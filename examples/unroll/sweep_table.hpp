#pragma once
/// \file What a search has found: a table, the same as CSV, a picture.

#include "sweep_state.hpp"

namespace unroll::tool {

/// A trial in the order of the table.
struct RankedTrial {
  std::size_t number;  ///< from 0
  std::optional<BestFigure> best;
};
/// Those with a figure, the best first, and then the others by their numbers.
std::vector<RankedTrial> ranked_trials(const Sweep& sweep, const std::string& folder,
                                       const Criterion& criterion);

/// The folder of a trial: `FOLDER/trial-007` for number 6.
std::string trial_folder(const std::string& folder, std::size_t number);
/// Its log.
std::string trial_log(const std::string& folder, std::size_t number);

/// The best `count`, a line each, below a heading; a trial that has no figure says why.
std::string table_text(const Sweep& sweep, const std::vector<RankedTrial>& ranked, const Criterion& criterion,
                       std::size_t count);
/// All of them with full numbers, as CSV.
std::string table_csv(const Sweep& sweep, const std::vector<RankedTrial>& ranked, const Criterion& criterion);

/// Writes a picture: for each option that varies, the figure of each trial by its value.
void write_picture(const std::string& file, const Sweep& sweep, const std::vector<RankedTrial>& ranked,
                   const Criterion& criterion);

}  // namespace unroll::tool
