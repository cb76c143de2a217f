#include "unroll/train/authors_weights.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/io/text.hpp"
#include "unroll/detail/train/authors_table.hpp"
#include "unroll/detail/train/axis_pattern.hpp"
#include "unroll/detail/train/cell_names.hpp"
#include "unroll/detail/train/complaints.hpp"

namespace unroll {
namespace {

using detail::AuthorsPart;
using detail::AuthorsPiece;
using detail::AuthorsRow;
using detail::AxisPattern;
using detail::AxisSizes;
using io::StoredTensor;
using io::TensorFile;

const detail::AuthorsNetwork& authors_network(std::string_view name) {
  const auto& table = detail::authors_table();
  const auto at = std::find_if(table.begin(), table.end(), [&](const auto& n) { return n.name == name; });
  if (at == table.end())
    raise<UsageError>("load_authors_weights: there is no network {}; there are: {}", io::quote(name),
                      fmt::join(authors_networks(), ", "));
  return *at;
}

/// `text` with `number` in the place of its star.
std::string numbered(std::string_view text, const std::string& number) {
  const std::size_t star = text.find('*');
  if (star == std::string_view::npos) return std::string(text);
  return fmt::format("{}{}{}", text.substr(0, star), number, text.substr(star + 1));
}

/// The array of a piece, once it has been found, and what is to become of it.
struct AuthorsArray {
  std::string name;
  AxisPattern pattern;
  std::size_t part = 0;
};
/// Those of a row whose shapes fit.
struct AuthorsSum {
  std::string ours;
  std::vector<AuthorsArray> pieces, added, times;
  double plus = 0;
  AxisSizes sizes;
};

/// Looks up a table's rows in a file and turns them into the model's arrays.
class AuthorsReader {
 public:
  AuthorsReader(const detail::ShapesByName& model, const TensorFile& file, const std::string& prefix)
      : model_(model),
        file_(file),
        prefix_(prefix.empty() || prefix.ends_with('.') ? prefix : prefix + ".") {}

  void find(const detail::AuthorsNetwork& network) {
    for (const AuthorsPart& part : network.parts) {
      if (part.theirs.find('*') == std::string_view::npos) {
        find_rows(part, "", "");
        continue;
      }
      const std::vector<std::string> numbers = numbers_of(part);
      for (std::size_t k = 0; has_block(part, std::to_string(k)); ++k)
        find_rows(part, std::to_string(k), k < numbers.size() ? numbers[k] : "*");
    }
    for (const auto& [name, shape] : model_)
      if (!known_.contains(name)) complaints_.missing.push_back(name);
    for (const auto& [name, tensor] : file_) {
      if (!name.starts_with(prefix_) || used_.contains(name)) continue;
      const std::string_view rest = std::string_view(name).substr(prefix_.size());
      if (std::find(network.beside.begin(), network.beside.end(), rest) == network.beside.end())
        complaints_.unexpected.push_back(name);
    }
  }

  const detail::Complaints& complaints() const { return complaints_; }

  TensorFile arrays() const {
    TensorFile result(file_.source());
    for (const AuthorsSum& sum : sums_) {
      std::vector<double> values = stacked(sum.pieces, sum.sizes);
      const std::vector<double> added = stacked(sum.added, sum.sizes);
      for (std::size_t k = 0; k < added.size(); ++k) values[k] += added[k];
      const std::vector<double> times = stacked(sum.times, sum.sizes);
      for (std::size_t k = 0; !times.empty() && k < values.size(); ++k) values[k] *= times[k % times.size()];
      for (double& v : values) v += sum.plus;
      result.add<double>(sum.ours, model_.at(sum.ours), values);
    }
    return result;
  }

 private:
  bool has_block(const AuthorsPart& part, const std::string& number) const {
    const auto at = model_.lower_bound(numbered(part.ours, number));
    return at != model_.end() && at->first.starts_with(numbered(part.ours, number));
  }

  // The numbers under which the authors have such blocks, in order.
  std::vector<std::string> numbers_of(const AuthorsPart& part) const {
    const std::string before = prefix_ + std::string(part.theirs.substr(0, part.theirs.find('*')));
    const std::string after =
        std::string(part.theirs.substr(part.theirs.find('*') + 1)) + std::string(part.marker);
    std::map<std::uint64_t, std::string> numbers;
    for (const auto& [name, tensor] : file_) {
      if (!name.starts_with(before) || !name.ends_with(after) || name.size() <= before.size() + after.size())
        continue;
      const std::string text = name.substr(before.size(), name.size() - before.size() - after.size());
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error == std::errc() && end == text.data() + text.size()) numbers.emplace(number, text);
    }
    std::vector<std::string> texts;
    for (auto& [number, text] : numbers) texts.push_back(std::move(text));
    return texts;
  }

  void find_rows(const AuthorsPart& part, const std::string& ours, const std::string& theirs) {
    AxisSizes sizes;
    for (const AuthorsRow& row : part.rows) {
      AuthorsSum sum{numbered(part.ours, ours) + std::string(row.ours), {}, {}, {}, row.plus, {}};
      if (!model_.contains(sum.ours)) continue;
      known_.insert(sum.ours);
      const std::string before = prefix_ + numbered(part.theirs, theirs);
      const auto list = [&](const std::vector<AuthorsPiece>& pieces, std::vector<AuthorsArray>& to) {
        for (const AuthorsPiece& piece : pieces)
          to.push_back({before + std::string(piece.name), AxisPattern(piece.axes),
                        static_cast<std::size_t>(piece.part)});
      };
      list(row.times, sum.times), list(row.pieces, sum.pieces), list(row.added, sum.added);
      if (!all_present(sum)) continue;
      if (!(all_match(sum.times, sizes) && all_match(sum.pieces, sizes) && all_match(sum.added, sizes)))
        continue;
      sum.sizes = sizes;
      if (fits_model(sum)) sums_.push_back(std::move(sum));
    }
  }

  bool all_present(const AuthorsSum& sum) {
    bool all = true;
    for (const auto* list : {&sum.times, &sum.pieces, &sum.added}) {
      for (const AuthorsArray& array : *list) {
        if (used_.contains(array.name) || file_.contains(array.name)) {
          used_.insert(array.name);
          continue;
        }
        all = false;
        auto& missing = complaints_.missing;
        if (std::find(missing.begin(), missing.end(), array.name) == missing.end())
          missing.push_back(array.name);
      }
    }
    return all;
  }

  // Adds the sizes that follow.
  bool all_match(const std::vector<AuthorsArray>& arrays, AxisSizes& sizes) {
    bool all = true;
    for (const AuthorsArray& array : arrays) {
      const StoredTensor& stored = file_.at(array.name);
      if (array.pattern.matches(stored.shape, sizes)) continue;
      complaints_.shapes.push_back(fmt::format("{} is {}, not {}", io::shown_name(array.name),
                                               io::shape_text(stored.shape), array.pattern.text(sizes)));
      all = false;
    }
    return all;
  }

  // Whether the pieces make up an array of the model's shape; nothing larger is ever made.
  bool fits_model(const AuthorsSum& sum) {
    const std::vector<std::int64_t>& wanted = model_.at(sum.ours);
    const std::vector<std::int64_t> made = shape_of(sum.pieces, sum.sizes);
    const bool sum_fits = sum.added.empty() || shape_of(sum.added, sum.sizes) == made;
    const bool factor_fits =
        sum.times.empty() || (!made.empty() && shape_of(sum.times, sum.sizes) == std::vector{made.back()});
    if (made == wanted && sum_fits && factor_fits) return true;
    std::string from;
    for (const AuthorsArray& array : sum.pieces)
      from += (from.empty() ? "" : ", ") + io::shown_name(array.name);
    complaints_.shapes.push_back(fmt::format("{}, which is made of {}, would be {}, not {}", sum.ours, from,
                                             io::shape_text(made), io::shape_text(wanted)));
    return false;
  }

  // Of all of them, one under the other; empty where there is none.
  static std::vector<std::int64_t> shape_of(const std::vector<AuthorsArray>& arrays, const AxisSizes& sizes) {
    std::vector<std::int64_t> whole;
    for (const AuthorsArray& array : arrays) {
      const auto shape = array.pattern.result(sizes).value_or(std::vector<std::int64_t>{});
      if (shape.empty()) return {};
      if (whole.empty()) {
        whole = shape;
        continue;
      }
      if (!std::equal(whole.begin() + 1, whole.end(), shape.begin() + 1, shape.end())) return {};
      whole[0] += shape[0];
    }
    return whole;
  }

  std::vector<double> stacked(const std::vector<AuthorsArray>& arrays, const AxisSizes& sizes) const {
    std::vector<double> all;
    for (const AuthorsArray& array : arrays) {
      const std::vector<double> part =
          array.pattern.rearranged(file_.get<double>(array.name), sizes, array.part);
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }

  const detail::ShapesByName& model_;
  const TensorFile& file_;
  std::string prefix_;
  std::set<std::string> known_;  // of the model's names: those that a row is about
  std::set<std::string, std::less<>> used_;
  std::vector<AuthorsSum> sums_;
  detail::Complaints complaints_ = {};
};

}  // namespace

std::vector<std::string> authors_networks() {
  std::vector<std::string> names;
  for (const auto& network : detail::authors_table()) names.emplace_back(network.name);
  std::sort(names.begin(), names.end());
  return names;
}

namespace detail {

template <class T>
TensorFile from_authors(const Members<T>& members, std::string_view network, const TensorFile& file,
                        const WeightOptions& options, StateMismatch& differences) {
  const AuthorsNetwork& known = authors_network(network);
  ShapesByName shapes;
  for (const auto& member : members)
    if (const Variable<T>* array = array_of(member))
      shapes.emplace(member.name, std::vector<std::int64_t>(array->shape().begin(), array->shape().end()));
  AuthorsReader reader(shapes, file, options.prefix);
  reader.find(known);
  reader.complaints().throw_if_any(file, options.strict);
  differences = {reader.complaints().missing, reader.complaints().unexpected};
  return reader.arrays();
}

UNROLL_COMPILE_FUNCTIONS(from_authors)

}  // namespace detail
}  // namespace unroll
