#include "unroll/train/saved_columns.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "temporary_folder.hpp"
#include "unroll/train/weights.hpp"

using namespace unroll;

TEST_CASE("saved columns: what is loaded is what was saved, to 48 bits in a model of float") {
  const std::vector<ColumnScaling> scaling{{ScalingKind::standard, 1e9 + 0.25, 1.0 / 3},
                                           {ScalingKind::log1p, -0.1, 2}};
  const std::vector<ColumnFilling> filling{{FillRule::mean, 0.7, true}, {FillRule::last, -3, false}};
  const SavedColumns<float> saved(scaling, filling);
  CHECK(parameters(saved).empty());
  const TemporaryFolder folder;
  save_weights(saved, folder / "x.safetensors");
  SavedColumns<float> loaded(2);
  CHECK(loaded.scaling()[0].apply(5) == 5);
  load_weights(loaded, folder / "x.safetensors");
  for (std::size_t c = 0; c < 2; ++c) {
    CHECK(loaded.scaling()[c].kind == scaling[c].kind);
    CHECK(loaded.scaling()[c].shift == doctest::Approx(scaling[c].shift).epsilon(1e-14));
    CHECK(loaded.scaling()[c].scale == doctest::Approx(scaling[c].scale).epsilon(1e-14));
    CHECK(loaded.scaling()[c].scale == saved.scaling()[c].scale);
    CHECK(loaded.filling()[c].rule == filling[c].rule);
    CHECK(loaded.filling()[c].mean == doctest::Approx(filling[c].mean).epsilon(1e-14));
    CHECK(loaded.filling()[c].indicator == filling[c].indicator);
  }
}

TEST_CASE("saved columns: what is no scaling is refused") {
  SavedColumns<double> saved(1);
  const auto change = [&](std::size_t buffer, index_t element, double value) {
    buffers(saved)[buffer].variable.mutable_data()[element] = value;
  };
  const auto problem = [&] {
    return tests::message_of<DataError>([&] { saved.scaling(), saved.filling(); });
  };
  change(0, 0, 5);
  CHECK(problem() == "saved columns: need a kind of scaling from 0 to 4; got 5");
  change(0, 0, 0.5);
  CHECK(problem() == "saved columns: need a kind of scaling from 0 to 4; got 0.5");
  change(0, 0, 0), change(1, 2, 0);
  CHECK(problem() == "saved columns: need a scale above 0; got 0");
  change(1, 2, 1), change(2, 0, std::numeric_limits<double>::infinity());
  CHECK(problem() == "saved columns: need a finite mean; got inf");
  CHECK_THROWS_WITH_AS(SavedColumns<float>(-1),
                       "SavedColumns: need a number of columns that is not negative; got -1", UsageError);
  CHECK_THROWS_WITH_AS(SavedColumns<float>({{}}, {}),
                       "SavedColumns: need as many fillings as scalings; got 0 and 1", UsageError);
  CHECK_THROWS_WITH_AS(SavedColumns<float>({{ScalingKind::standard, 1e300, 1}}, {{}}),
                       "SavedColumns: need numbers that the model's type can hold; got 1e+300", DataError);
}
