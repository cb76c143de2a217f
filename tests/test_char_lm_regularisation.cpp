#include <cmath>
#include <set>

#include "char_lm_program.hpp"

using namespace char_lm_test;

namespace {

Arguments short_run(const TemporaryFolder& folder, const std::string& out, const Arguments& more) {
  const Arguments arguments = {"--batch", "2", "--seq-length", "10", "--epochs", "1"};
  return training(folder / "text", folder / out, with(arguments, more));
}

auto last_tensors(const TemporaryFolder& folder, const std::string& out) {
  return unroll::io::load_checkpoint(folder / (out + "/last.safetensors"), "char_lm").tensors;
}

double logged_best(const TemporaryFolder& folder, const std::string& out) {
  double best = HUGE_VAL;
  for (const auto& line : log_lines(folder / out))
    if (line.contains("valid_loss")) best = std::min(best, line["valid_loss"].get<double>());
  return best;
}

}  // namespace

TEST_CASE("char_lm: what AWD-LSTM adds changes training, is saved, and goes on as if never stopped") {
  const TemporaryFolder folder;
  write(folder / "text", story(200));
  std::set<std::string> seen;
  const std::vector<Arguments> all = {
      {},
      {"--weight-drop", "0.5"},
      {"--embedding-dropout", "0.5"},
      {"--tie"},
      {"--ar", "20"},
      {"--tar", "20"},
      {"--optimizer", "lion"},
      {"--optimizer", "muon"},
      {"--cell", "gru", "--weight-drop", "0.3", "--embedding-dropout", "0.1", "--tie", "--ar", "2", "--tar",
       "1", "--ema", "0.9", "--optimizer", "muon"}};
  for (std::size_t k = 0; k < all.size(); ++k) {
    const std::string parts = "parts" + std::to_string(k), whole = "whole" + std::to_string(k);
    CAPTURE(k);
    const auto first = run(folder, short_run(folder, parts, all[k]));
    REQUIRE_MESSAGE(first.status == 0, first.err);
    REQUIRE(run(folder, {"train", "--out", folder / parts, "--resume", "--epochs", "2"}).status == 0);
    REQUIRE(run(folder, short_run(folder, whole, with(all[k], {"--epochs", "2"}))).status == 0);
    const auto a = last_tensors(folder, parts), b = last_tensors(folder, whole);
    CHECK(a.names() == b.names());
    for (const auto& tensor : a) CHECK_MESSAGE(b.at(tensor.first) == tensor.second, tensor.first);
    const Arguments eval = {"eval", "--model", folder / parts, "--text", folder / "text"};
    CHECK(run(folder, eval).out == run(folder, eval).out);
    const auto weights = a.at("model.embedding.weight").bytes;
    seen.insert({reinterpret_cast<const char*>(weights.data()), weights.size()});
  }
  CHECK(seen.size() == all.size());
}

TEST_CASE("char_lm: help names what AWD-LSTM adds") {
  const Outcome help = run(TemporaryFolder(), {"train", "--help"});
  for (const auto* name : {"--weight-drop", "--embedding-dropout", "--tie", "--ar", "--tar", "--ema"})
    CHECK_MESSAGE(contains(help.out, name), name);
}

TEST_CASE("char_lm: --tie makes one matrix of embedding and output, counted and saved once") {
  const TemporaryFolder folder;
  write(folder / "text", story(200));
  const auto parameters = [&](const std::string& out, const Arguments& more) {
    const auto outcome = run(folder, short_run(folder, out, more));
    REQUIRE_MESSAGE(outcome.status == 0, outcome.err);
    return log_lines(folder / out)[0]["config"]["parameters"].get<int>();
  };
  const int both = parameters("both", {"--embedding", "12"}), tied = parameters("tied", {"--tie"});
  const auto tensors = last_tensors(folder, "tied");
  CHECK(!tensors.find("model.output.weight"));
  const auto shape = tensors.at("model.embedding.weight").shape;
  CHECK(shape[1] == 12);
  CHECK(both - tied == shape[0] * shape[1]);
  const auto sample = run(folder, {"sample", "--model", folder / "tied", "--length", "20"});
  CHECK_MESSAGE(sample.status == 0, sample.err);
  const auto refused = run(folder, short_run(folder, "no", {"--tie", "--embedding", "5"}));
  CHECK(refused.status == 2);
  CHECK(contains(refused.err,
                 "--tie: needs an --embedding of 12, the size of the recurrent layer's output; got 5"));
}

TEST_CASE("char_lm: --ema evaluates, keeps and samples the mean of the weights") {
  const TemporaryFolder folder;
  write(folder / "text", story(1000));
  for (const auto* out : {"plain", "mean"}) {
    const Arguments more = std::string(out) == "mean" ? Arguments{"--ema", "0.95"} : Arguments{};
    REQUIRE(run(folder, short_run(folder, out, more)).status == 0);
    const auto outcome =
        run(folder, {"eval", "--model", folder / out, "--text", folder / "text", "--valid-fraction", "0.1"});
    REQUIRE(outcome.status == 0);
    const double nats = std::stod(outcome.out.substr(outcome.out.find("nats/char") + 9));
    CHECK(std::abs(nats - logged_best(folder, out)) <= 5e-7);  // six digits are printed
  }
  const auto plain = last_tensors(folder, "plain"), mean = last_tensors(folder, "mean");
  // Training itself is the same.
  for (const auto& [name, tensor] : plain) CHECK_MESSAGE(mean.at(name) == tensor, name);
  CHECK(mean.at("average.0").bytes != mean.at("model.embedding.weight").bytes);
  CHECK(mean.find("average.updates"));
  CHECK(!plain.find("average.updates"));
  CHECK(logged_best(folder, "plain") != logged_best(folder, "mean"));
}

TEST_CASE("char_lm: --weight-drop names a cell that has no weight_hh") {
  const TemporaryFolder folder;
  write(folder / "text", story(200));
  const auto refused = run(folder, short_run(folder, "no", {"--cell", "mingru", "--weight-drop", "0.5"}));
  CHECK(refused.status == 2);
  CHECK_MESSAGE(contains(refused.err,
                         "--weight-drop: the cell 'mingru' has no weight_hh: weight_drop: no "
                         "parameter is called weight_hh; there are "),
                refused.err);
}
