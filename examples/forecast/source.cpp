#include "forecast/source.hpp"

#include <algorithm>
#include <cmath>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/io/checksum.hpp"

namespace unroll::forecast {
namespace {

using Names = std::vector<std::string>;

void add(Names& to, const Names& more) { to.insert(to.end(), more.begin(), more.end()); }

bool has(const Names& names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

/// The columns that the options name.
struct Named {
  Names past, known, fixed;
  explicit Named(const TrainOptions& o)
      : past(names_in(o.past_only)), known(names_in(o.known_ahead)), fixed(names_in(o.fixed)) {}

  Names inputs() const {
    Names all = past;
    add(all, known), add(all, fixed);
    return all;
  }
};

/// Errors: UsageError if a column has two roles.
void check_roles(const TrainOptions& o, const Named& named) {
  Names all = named.inputs();
  for (const auto& name : {o.target, o.time, o.series})
    if (!name.empty()) all.push_back(name);
  std::ranges::sort(all);
  const auto twice = std::ranges::adjacent_find(all);
  if (twice != all.end())
    raise<UsageError>(
        "--target, --time, --series, --past-only, --known-ahead and --static: '{}' is named twice",
        printable(*twice));
}

Table read_file(const TrainOptions& o, const Named& named) {
  TableOptions options;
  options.missing = names_in(o.missing);
  options.decimal = o.decimal[0];
  options.time = o.time;
  if (!o.series.empty()) options.text = {o.series};
  if (!o.target.empty() && !o.time.empty()) {  // else others are looked through for them
    options.columns = named.inputs();
    add(options.columns, {o.target, o.time});
    add(options.columns, options.text);
  }
  return read_table(o.data, options);
}

/// Errors: UsageError if the file does not tell by itself.
std::string find_target(const TrainOptions& o, const Table& table, const Named& named) {
  if (!o.target.empty()) return o.target;
  Names free;
  const Names inputs = named.inputs();
  for (const Column& column : table.columns)
    if (column.kind == ColumnKind::number && column.name != o.time && !has(inputs, column.name))
      free.push_back(column.name);
  if (free.size() == 1) return free.front();
  std::string names;
  for (const auto& name : free) names += (names.empty() ? "" : ", ") + printable(name);
  raise<UsageError>("--target: need the column to forecast; {} has {}", o.data,
                    free.empty() ? "none of numbers that is not an input" : "several of numbers: " + names);
}

/// Replaces columns of words by columns of 0 and 1; those of a saved run are those of its words.
void number_words(Table& table, Names& columns, Reading& reading, bool saved) {
  Names all;
  for (const auto& name : columns) {
    if (table.columns[table.column(name)].kind != ColumnKind::text) {
      all.push_back(name);
      continue;
    }
    const auto known = std::ranges::find(reading.words, name, &std::pair<std::string, Names>::first);
    Names levels = known == reading.words.end() ? Names{} : known->second;
    if (!saved) levels = table.columns[table.column(name)].levels;
    one_hot(table, name, levels);
    for (const auto& level : levels) all.push_back(name + "=" + level);
    if (!saved) reading.words.emplace_back(name, levels);
  }
  columns = all;
}

std::string checksum_of(const TimeSeriesSet& set) {
  io::Checksum sum;
  const auto take = [&](std::string_view text) { sum.update(std::as_bytes(std::span(text))); };
  for (const auto& name : set.columns) take(name), take("\n");
  for (const TimeSeries& series : set.series) {
    take(series.name), take("\n");
    sum.update(std::as_bytes(std::span(&series.start, 1)));
    sum.update(std::as_bytes(std::span(series.values)));
  }
  return fmt::format("{:016x}", sum.value());
}

std::vector<std::int64_t> numbers_of(const TimeSeriesSet& set, const Names& names) {
  std::vector<std::int64_t> numbers;
  for (const auto& name : names) numbers.push_back(set.column(name));
  return numbers;
}

/// One season in rows, if the step tells it: a year of months or quarters, a week of days, a day of hours.
std::int64_t season_of(const TimeSeriesSet& set) {
  constexpr std::int64_t hour = 3'600'000'000;
  if (!set.form || set.form == TimeForm::number) return 0;
  const TimeStep& step = set.step;
  if (step.unit == TimeStep::Unit::months)
    return step.count < 12 && 12 % step.count == 0 ? 12 / step.count : 0;
  if (step.unit != TimeStep::Unit::microseconds) return 0;
  if (step.count == 24 * hour) return 7;
  return step.count < 24 * hour && 24 * hour % step.count == 0 ? 24 * hour / step.count : 0;
}

}  // namespace

Names names_in(std::string_view list) {
  Names names;
  std::string name;
  bool quoted = false;
  const auto take = [&] {
    const auto text = trimmed(name);
    if (!text.empty()) names.emplace_back(text);
    name.clear();
  };
  for (const char c : list) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      take();
    else
      name += c;
  }
  take();
  return names;
}

Source read_source(const TrainOptions& options, Reading& reading) {
  if (options.data.empty()) raise<UsageError>("need --data, a table, to say what to learn");
  Named named(options);
  check_roles(options, named);
  Table table = read_file(options, named);
  const bool saved = !reading.columns.empty();
  const std::string target = find_target(options, table, named);
  number_words(table, named.known, reading, saved);
  number_words(table, named.past, reading, saved);
  number_words(table, named.fixed, reading, saved);

  TimeSeriesOptions layout{.time = options.time, .series = options.series, .columns = {target}};
  add(layout.columns, named.inputs());
  if (options.grid == "as-it-stands") layout.grid = TimeSeriesOptions::Grid::as_it_stands;
  Source source;
  source.set = time_series(std::move(table), layout);
  source.checksum = checksum_of(source.set);
  extend(source.set, options.horizon);
  std::vector<CalendarInput> calendar;
  for (const auto& name : names_in(options.calendar)) calendar.push_back(calendar_input_named(name));
  const auto plain = source.set.columns.size();
  if (!calendar.empty()) add_calendar(source.set, calendar);
  add(named.known,
      {source.set.columns.begin() + static_cast<std::ptrdiff_t>(plain), source.set.columns.end()});

  if (!saved) {
    reading.columns = source.set.columns;
    reading.roles = {.targets = numbers_of(source.set, {target}),
                     .past = numbers_of(source.set, named.past),
                     .known = numbers_of(source.set, named.known),
                     .fixed = numbers_of(source.set, named.fixed)};
    reading.dated = source.set.form.has_value();
    reading.season = options.season > 0 ? options.season : season_of(source.set);
  }
  if (reading.columns != source.set.columns)
    raise<DataError>("{}: its columns are not those that the model was trained with", options.data);
  for (std::int64_t s = 0; s < source.series(); ++s) {
    std::int64_t rows = source.set.rows(s);
    while (rows > 0 && std::isnan(source.target(s, rows - 1, reading))) --rows;
    source.rows.push_back(rows);
  }
  return source;
}

Parts parts_at(const Source& source, std::int64_t time) {
  Parts parts;
  for (std::int64_t s = 0; s < source.series(); ++s) {
    const std::int64_t rows = source.rows[static_cast<std::size_t>(s)];
    std::int64_t low = 0, high = rows;  // the first row that is not before `time`
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      if (source.set.time(s, middle) < time)
        low = middle + 1;
      else
        high = middle;
    }
    parts.before.push_back({0, low});
    parts.from.push_back({low, rows});
  }
  return parts;
}

std::int64_t holdout_begin(const Source& source, std::int64_t holdout) {
  std::int64_t latest = 0;
  const auto end = [&](std::int64_t s) {
    return source.set.time(s, source.rows[static_cast<std::size_t>(s)]);
  };
  for (std::int64_t s = 1; s < source.series(); ++s)
    if (end(s) > end(latest)) latest = s;
  const std::int64_t rows = source.rows[static_cast<std::size_t>(latest)];
  if (holdout >= rows)
    raise<DataError>("--holdout {}: {} has {} with a target; nothing would be left to learn from", holdout,
                     source.set.file, rows);
  return source.set.time(latest, rows - holdout);
}

TimeSeriesSet hidden_behind(const Source& source, const ColumnRoles& roles,
                            std::span<const RowRange> ranges) {
  TimeSeriesSet set = source.set;
  const std::size_t columns = set.columns.size();
  for (std::size_t s = 0; s < set.series.size(); ++s)
    for (std::size_t at = static_cast<std::size_t>(ranges[s].end) * columns; at < set.series[s].values.size();
         at += columns) {
      for (const auto c : roles.targets)
        set.series[s].values[at + static_cast<std::size_t>(c)] = std::nan("");
      for (const auto c : roles.past) set.series[s].values[at + static_cast<std::size_t>(c)] = std::nan("");
    }
  return set;
}

}  // namespace unroll::forecast
