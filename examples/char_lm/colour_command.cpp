#include <filesystem>
#include <random>

#include "char_lm/colour_page.hpp"
#include "char_lm/commands.hpp"
#include "char_lm/saved_run.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/train/progress.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::char_lm {
namespace {

constexpr std::int64_t least_to_rank = 500;

/// The symbols of a part of a text, as they stand there.
std::vector<std::string> written_symbols(const std::vector<std::int64_t>& ids, const Reading& reading) {
  SymbolWriter text_of(reading.level);
  std::vector<std::string> symbols;
  for (const std::int64_t id : ids) symbols.push_back(text_of(reading.vocabulary.symbol(id)));
  return symbols;
}

std::vector<std::string> all_symbols(const Vocabulary& vocabulary) {
  std::vector<std::string> names;
  for (std::int64_t k = 0; k < vocabulary.size(); ++k) names.push_back(vocabulary.symbol(k));
  return names;
}

/// Finds out what units track.
void rank_units(ColouredText& content) {
  if (content.activity.steps < least_to_rank) return;
  for (Trait& trait : traits_of(content.symbols)) {
    if (trait.entropy <= 0) {
      content.absent.push_back(trait.name);
    } else {
      content.tracking.push_back(track(content.activity, trait));
      content.traits.push_back(std::move(trait));
    }
  }
}

void print_ranking(const ColouredText& content) {
  if (content.traits.empty()) {
    fmt::print(
        "tracking    {}\n",
        content.activity.steps < least_to_rank
            ? fmt::format("the text is too short to tell: at least {} symbols are needed", least_to_rank)
            : "nothing changes in this text");
    return;
  }
  fmt::print("{:<18}{:>9}{:>9}   {}\n", "tracking", "share", "chance", "best unit, and the next");
  for (std::size_t k = 0; k < content.traits.size(); ++k) {
    const Tracking& tracking = content.tracking[k];
    std::string others;
    for (std::size_t best = 0; best < std::min<std::size_t>(3, tracking.best.size()); ++best)
      others += (best > 0 ? "; " : "") + unit_name(content.activity.units[tracking.best[best]]);
    fmt::print("{:<18}{:>7.1f} %{:>7.1f} %   {}{}\n", content.traits[k].name,
               100 * tracking.shares[tracking.best[0]], 100 * tracking.floor, others,
               tracking.shares[tracking.best[0]] <= tracking.floor ? "  (no more than chance)" : "");
  }
}

/// 32 hexadecimal digits that differ from page to page.
std::string new_nonce() {
  std::random_device device;
  std::string nonce;
  for (int k = 0; k < 4; ++k) nonce += fmt::format("{:08x}", device());
  return nonce;
}

/// As many symbols of a text as are painted or ranked by.
std::vector<std::int64_t> first_symbols(const Corpus& corpus, const ColourOptions& options) {
  const std::int64_t most = std::max(options.length, options.ranked);
  std::vector<std::int64_t> ids(static_cast<std::size_t>(std::min(most, corpus.ids.size())));
  corpus.ids.read(0, ids);
  return ids;
}

}  // namespace

int colour_command(const ColourOptions& options) {
  const SavedRun run = load_run(find_checkpoint(options.model));
  use_threads(options.threads > 0 ? options.threads : run.options.threads);
  const LanguageModel model = trained_model(run);
  const Corpus corpus = read_corpus({.text = options.text}, run.reading);
  for (const auto& note : corpus.notes) fmt::print("note: {}\n", note);
  const auto ids = first_symbols(corpus, options);

  ColouredText content{
      .model = std::filesystem::path(options.model).lexically_normal().string(),
      .text = corpus.name,
      .summary = {},
      .symbols = written_symbols(ids, run.reading),
      .names = all_symbols(run.reading.vocabulary),
      .activity = record_activity(
          model, ids, {.member = options.state, .layers = options.layers, .window = run.options.seq_length}),
      .traits = {},
      .tracking = {},
      .absent = {},
      .painted = std::min<std::int64_t>(options.length, std::ssize(ids))};
  rank_units(content);
  const Activity& activity = content.activity;
  content.summary = fmt::format(
      "{} of the cell {}, {} of size {}; painted by {}. Text: {}, the first {}; ranked by {}. "
      "The model needs {:.2f} bits for a {} of it.",
      counted(std::ssize(activity.units), "unit"), run.options.cell, counted(run.options.layers, "layer"),
      run.options.hidden, activity.member, corpus.name, count_of(content.painted, run.reading.level),
      grouped(activity.steps), activity.nats / std::log(2.0), noun_of(run.reading.level));
  const std::string html = colour_page(content, new_nonce());
  io::write_file_atomically(options.out, std::as_bytes(std::span(html)));

  fmt::print("text        {}: {} read, {} painted\n", printable(corpus.name, 200),
             count_of(activity.steps, run.reading.level), grouped(content.painted));
  fmt::print("units       {} ({} of the cell {})\n", grouped(std::ssize(activity.units)), activity.member,
             run.options.cell);
  print_ranking(content);
  fmt::print("page        {}: {} KB\n", printable(options.out, 200),
             grouped((std::ssize(html) + 999) / 1000));
  return 0;
}

}  // namespace unroll::char_lm
