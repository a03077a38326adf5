"""The `rnnbp` command on tables of one's own, and on files of other programs."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rnnbp

OPTIONS = "--data my.csv --sequence id --time t --features pitch,energy"
TRAIN = f"train elman {OPTIONS} --epochs 1 --parameters 300 --quiet"


def table() -> pd.DataFrame:
    """Return 20 sequences of 5 speakers, their rows in random order."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "id": f"s{i}",
            "t": 10 * t,
            "pitch": rng.normal(2 * (i % 2) - 1),
            "energy": rng.normal(),
            "speaker": i // 4,
            "label": ["no", "yes"][i % 2],
            "cost": 1 + i % 3,
            "tag": "abc"[int(rng.integers(3))],
            "height": rng.normal(),
        }
        for i in range(20)
        for t in range(rng.integers(3, 7))
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


@pytest.fixture(autouse=True)
def in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table().to_csv("my.csv", index=False)


def predictions(rnn, line: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(rnn(line)))


def dataset(**columns) -> rnnbp.SequenceDataset:
    names = {"sequence": "id", "step": "t", "features": ["pitch", "energy"], "info": "speaker"}
    return rnnbp.SequenceDataset.from_frame(pd.read_csv("my.csv"), **{**names, **columns})


def test_a_model_trained_on_a_table_predicts_names_and_probabilities_of_all_of_it(rnn):
    rnn(f"{TRAIN} --target label --save m.npz")
    found = predictions(rnn, "predict m.npz my.csv")
    model, data = rnnbp.load("m.npz"), dataset(target="label")
    assert list(found) == ["sequence", "predicted", "p_no", "p_yes"]
    assert found["sequence"].tolist() == data.ids
    assert found["predicted"].tolist() == model.predict(data).tolist()
    np.testing.assert_allclose(found[["p_no", "p_yes"]], model.predict_proba(data), rtol=1e-5)
    assert model.feature_names == ("pitch", "energy")


def test_predictions_are_written_to_a_file(rnn):
    rnn(f"{TRAIN} --target label --save m.npz")
    expected = predictions(rnn, "predict m.npz my.csv")
    assert rnn("predict m.npz --data my.csv --output out.csv") == "written: out.csv\n"
    pd.testing.assert_frame_equal(pd.read_csv("out.csv"), expected)


def test_groups_are_not_split_and_an_evaluation_has_the_split_of_the_training(rnn):
    trained = rnn(f"{TRAIN} --target label --groups speaker --split 0.6 --save m.npz")
    model = rnnbp.load("m.npz")
    train, test = dataset(target="label").split(0.6, groups="speaker")
    assert not set(train.info["speaker"]) & set(test.info["speaker"])
    scores = rnnbp.Trainer(model, model.loss).evaluate(test)
    line = f"loss {scores['loss']:.4f}  accuracy {scores['accuracy']:.4f}\n"
    assert trained == f"{line}written: m.npz\n"
    assert rnn("evaluate m.npz my.csv") == line
    whole = rnnbp.Trainer(model, model.loss).evaluate(dataset(target="label"))
    table().to_csv("other.csv", index=False)
    assert rnn("evaluate m.npz other.csv") == f"loss {whole['loss']:.4f}  accuracy {whole['accuracy']:.4f}\n"
    assert rnn("evaluate m.npz my.csv --split 0") == f"loss {whole['loss']:.4f}  accuracy {whole['accuracy']:.4f}\n"
    assert len(predictions(rnn, "predict m.npz my.csv --split 0.6")) == len(test)


def test_columns_of_numbers_are_the_features_but_for_those_that_an_option_names(rnn):
    pd.read_csv("my.csv").drop(columns="tag").to_csv("my.csv", index=False)
    rnn(
        "train elman my.csv --sequence id --time t --target label --groups speaker --weight cost --epochs 1 --quiet "
        "--parameters 300 --save m.npz"
    )
    assert rnnbp.load("m.npz").feature_names == ("pitch", "energy", "height")


def test_weights_of_sequences_count_in_the_score(rnn):
    out = rnn(f"{TRAIN} --target label --weight cost --save m.npz")
    model = rnnbp.load("m.npz")
    _, test = dataset(target="label", weight="cost").split(0.8)
    assert out.startswith(f"loss {rnnbp.Trainer(model, model.loss).evaluate(test)['loss']:.4f}")
    assert rnnbp.Trainer(model, model.loss).evaluate(test) != rnnbp.Trainer(model, model.loss).evaluate(
        dataset(target="label").split(0.8)[1]
    )


def test_classes_of_steps_have_a_row_a_step(rnn):
    rnn(f"{TRAIN} --target tag --save m.npz")
    found = predictions(rnn, "predict m.npz my.csv")
    assert list(found) == ["sequence", "step", "predicted", "p_a", "p_b", "p_c"]
    assert found.groupby("sequence", sort=False).size().tolist() == dataset().lengths.tolist()


def test_values_of_steps_are_predicted_without_probabilities(rnn):
    assert "  r2 " in rnn(f"{TRAIN} --target height --save m.npz")
    assert list(predictions(rnn, "predict m.npz my.csv")) == ["sequence", "step", "predicted"]


def test_several_values_are_several_columns(rnn):
    rnn(f"{TRAIN.replace('pitch,energy', 'pitch')} --target energy,height --save m.npz")
    assert list(predictions(rnn, "predict m.npz my.csv"))[2:] == ["predicted_0", "predicted_1"]


def test_a_table_without_targets_and_with_columns_in_another_order_is_predicted(rnn):
    rnn(f"{TRAIN} --target label --groups speaker --weight cost --save m.npz")
    expected = predictions(rnn, "predict m.npz my.csv")
    pd.read_csv("my.csv")[["energy", "id", "pitch", "t"]].to_csv("new.csv", index=False)
    pd.testing.assert_frame_equal(predictions(rnn, "predict m.npz new.csv"), expected)


def test_all_of_a_table_can_be_trained_on_and_another_be_the_test_set(rnn):
    assert rnn(f"{TRAIN} --target label --split 1 --save m.npz") == "written: m.npz\n"
    out = rnn(f"{TRAIN} --target label --test my.csv --save m.npz")
    assert out.endswith(rnn("evaluate m.npz my.csv --split 0") + "written: m.npz\n")


def test_rows_are_in_order_of_the_time_or_as_they_are(rnn):
    pd.read_csv("my.csv").sort_values(["id", "t"]).to_csv("sorted.csv", index=False)
    line = f"{TRAIN.replace('my.csv', 'sorted.csv')} --target label --save"
    rnn(f"{line} a.npz")
    rnn(f"{line.replace('--time t', '')} b.npz")
    np.testing.assert_array_equal(rnnbp.load("a.npz").params.vector, rnnbp.load("b.npz").params.vector)
    by_time, as_they_are = predictions(rnn, "predict a.npz my.csv"), predictions(rnn, "predict a.npz my.csv --time ''")
    assert not by_time.equals(as_they_are)
    pd.testing.assert_frame_equal(
        predictions(rnn, "predict a.npz sorted.csv --time ''"), by_time.sort_values("sequence", ignore_index=True)
    )


def test_without_a_model_and_a_file_to_write_a_gru_is_saved_but_nothing_is_overwritten(rnn, refused):
    line = f"train {OPTIONS} --target label --epochs 1 --quiet"
    assert rnn(line).endswith("written: model.npz\n")
    assert "GRU" in repr(rnnbp.load("model.npz"))
    assert "--save must name the file to write, as 'model.npz', the default, exists already" in refused(line)


def test_a_model_that_was_trained_on_all_of_a_file_is_not_evaluated_on_it_by_mistake(rnn, refused):
    table().to_csv("test.csv", index=False)
    rnn(f"{TRAIN} --target label --test test.csv --save m.npz")
    assert "--split leaves no test set" in refused("evaluate m.npz my.csv")
    assert rnn("evaluate m.npz test.csv") == rnn("evaluate m.npz my.csv --test test.csv")


@pytest.mark.parametrize(
    ("loss", "columns", "metric"),
    [
        ("quantile", ["predicted", "q_0.1", "q_0.5", "q_0.9"], "d2"),
        ("huber", ["predicted"], "r2"),
        ("mixture_density", ["predicted"], "r2"),
        ("mean_squared_error", ["predicted"], "r2"),
    ],
)
@pytest.mark.parametrize("target", ["height", "cost"])  # a value a step; an integer a sequence, which is no class here
def test_a_loss_can_be_chosen(rnn, loss, columns, metric, target):
    assert f"  {metric} " in rnn(f"{TRAIN} --target {target} --loss {loss} --save m.npz")
    assert rnnbp.load("m.npz").loss.name == loss
    found = predictions(rnn, "predict m.npz my.csv")
    assert list(found) == ["sequence", *["step"] * (target == "height"), *columns]
    assert rnn("evaluate m.npz my.csv").count(metric) == 1


def test_quantiles_and_one_output_for_two_classes_are_named():
    from rnnbp.cli.predict import _details

    data = dataset(target="height", per_step=True)
    quantiles = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Dense(3, 3))
    assert list(_details(quantiles, rnnbp.Quantile(), data)) == ["q_0.1", "q_0.5", "q_0.9"]
    two = rnnbp.Sequential(rnnbp.Elman(2, 3), rnnbp.Last(), rnnbp.Dense(3, 1))
    two.classes, two.loss = ["no", "yes"], rnnbp.BinaryCrossEntropy()
    assert list(_details(two, two.loss, data)) == ["p_yes"]


def test_compare_takes_a_table(rnn):
    out = rnn(f"compare {OPTIONS} --target label --models elman,static --seeds 2 --epochs 1 --workers 1 --quiet")
    assert "elman" in out


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("train gru my.csv --save m.npz", "--sequence must name the column that says which sequence a row is of"),
        (
            "train gru my.csv --sequence idd --save m.npz",
            "--sequence: 'my.csv' has no column 'idd'. Did you mean 'id'?",
        ),
        (
            "train gru my.csv --sequence id --time tt --save m.npz",
            "--time: 'my.csv' has no column 'tt'. Did you mean 't",
        ),
        ("train gru my.csv --sequence id --target lable --save m.npz", "--target: 'my.csv' has no column 'lable'. Did"),
        ("train gru my.csv --sequence id --features pitch,x --save m.npz", "--features: 'my.csv' has no column 'x'"),
        ("train gru my.csv --sequence id --groups x --save m.npz", "--groups: 'my.csv' has no column 'x'"),
        ("train gru my.csv --sequence id --weight x --save m.npz", "--weight: 'my.csv' has no column 'x'"),
        (
            "train gru my.csv --sequence id --save m.npz",
            "--target must name the column of the class or value: 'my.csv'",
        ),
        (
            "train gru my.csv --sequence id --target label --save m.npz",
            "my.csv: column 'tag' (str) changes within sequence",
        ),
        (
            "train gru my.csv --sequence id --target label --features pitch --groups tag --save m.npz",
            "changes within sequence 's",
        ),
        (
            "train gru my.csv --sequence id --target label --features pitch --weight tag --save m.npz",
            "column 'tag', named in --weight, must hold numbers",
        ),
        (f"train gru {OPTIONS} --target label --split 1.5 --save m.npz", "--split must be a number between 0 and 1"),
        (f"train gru {OPTIONS} --target label --loss hubber --save m.npz", "--loss must be one of"),
        (
            f"train gru {OPTIONS} --target label --loss huber --save m.npz",
            "Huber is for values, and the targets are cla",
        ),
        (f"train gru {OPTIONS} --target label --split 0 --save m.npz", "--split leaves no training set"),
        (f"train gru {OPTIONS} --target label --split 0.01 --groups speaker --save m.npz", "--split 0.01: parts = "),
        (
            f"train gru {OPTIONS} --test my.csv --split 0.5 --save m.npz",
            "--split cuts the file, and --test names another",
        ),
        ("train gru digits --data my.csv --save m.npz", "--data names the file 'my.csv', and DATASET is 'digits'"),
        (
            "train gru digits --sequence id --save m.npz",
            "--sequence names a column of a table, but the dataset is 'digit",
        ),
        ("train gru digits --split 0.5 --save m.npz", "--split goes with a file, but the dataset is 'digits'"),
        ("train gru none.csv --save m.npz", "there is no file 'none.csv'"),
        (
            "train gru --data none",
            "--data must be a file of .ts, .ts.gz, .csv, .csv.gz, .parquet or a folder of shards, got",
        ),
        ("train gru --data none", "got 'none': there is none"),
        ("train gru --data .", "got '.': it has no index.npz, as rnnbp.write_shards writes"),
        (
            "train gru .",
            "DATASET must be a file of .ts, .ts.gz, .csv, .csv.gz, .parquet or a folder of shards, got '.'",
        ),
        ("train my.csv gru --save m.npz", "got 'my.csv', a dataset, which comes after it"),
        ("predict m.npz my.csv --output out.txt", "--output must name a .csv or .parquet file, got 'out.txt'"),
        ("export m.npz m.txt", "FILE must end in .onnx or .safetensors, got 'm.txt'"),
        ("export m.npz m.safetensors --batch-first", "--batch-first is for .onnx files"),
        ("export none.npz m.onnx", "there is no file 'none.npz'"),
        ("export m.npz no/m.onnx", "FILE: there is no folder 'no' to write 'm.onnx' to"),
        ("import m.txt m.npz", "FILE must end in .onnx or .safetensors, got 'm.txt'"),
        ("import m.onnx m.npz --like m.npz", "--like is for .safetensors files"),
        ("import m.onnx no/m.npz", "MODEL.npz: there is no folder 'no' to write 'm.npz' to"),
    ],
)
def test_errors_name_the_option(refused, line, message):
    assert message in refused(line)


def test_data_of_another_ending_are_refused(refused):
    Path("notes.txt").touch()
    assert "got 'notes.txt': it has another ending" in refused("train gru --data notes.txt")


def test_a_table_needs_no_model_before_it(rnn):
    rnn(f"{TRAIN.replace('elman', 'gru')} --target label --save m.npz")
    rnn(f"{TRAIN.replace('elman --data', '')} --target label --save again.npz")
    np.testing.assert_array_equal(rnnbp.load("again.npz").params.vector, rnnbp.load("m.npz").params.vector)


@pytest.mark.parametrize(
    ("numbers", "classes"),
    [
        ([1, 2, 10], ("1", "2", "10")),
        ([-1, 1, 1], ("-1", "1")),
        ([0, 5, 5], ("0", "5")),
        ([0, 1, 2], None),
    ],
)
@pytest.mark.parametrize("column", ["label", "tag"])  # of sequences, of steps
def test_integers_that_are_not_numbers_of_classes_are_names(rnn, numbers, classes, column):
    rows = table()
    rows["label"] = rows["id"].str[1:].astype(int) % 3
    rows["tag"] = rows["tag"].map({"a": 0, "b": 1, "c": 2})
    rows[column] = rows[column].map(dict(enumerate(numbers)))
    rows.to_csv("my.csv", index=False)
    part = rows["label"] == numbers[1] if column == "label" else rows["id"] != "s0"
    rows[part].to_csv("part.csv", index=False)
    rnn(f"{TRAIN} --target {column} --test part.csv --save m.npz")
    assert rnnbp.load("m.npz").classes == classes
    assert "accuracy" in rnn("evaluate m.npz part.csv")
    expected = [str(k) for k in classes or numbers]
    found = predictions(rnn, "predict m.npz my.csv").columns.tolist()
    assert [name.removeprefix("p_") for name in found[-len(expected) :]] == expected


def test_an_empty_or_odd_table_is_refused(refused, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    assert "'empty.csv' cannot be read as a table: No columns" in refused("train gru empty.csv --save m.npz")
    (tmp_path / "odd.csv").write_text('a,b\n1,2,3\n1,2\n"')
    assert "'odd.csv' cannot be read as a table: " in refused("train gru odd.csv --save m.npz")


def test_a_feature_that_a_model_needs_is_named(rnn, refused):
    rnn(f"{TRAIN} --target label --save m.npz")
    pd.read_csv("my.csv").drop(columns="energy").to_csv("my.csv", index=False)
    error = refused("predict m.npz my.csv")
    assert "a feature that the model was trained on is missing: 'my.csv' has no column 'energy'" in error


def test_the_table_of_datasets_names_options(rnn):
    out = rnn("datasets")
    assert "downloaded, or --data" in out
    assert "path=" not in out


@pytest.mark.interop
def test_tables_are_parquet_too(rnn):
    pytest.importorskip("pyarrow")
    rnn(f"{TRAIN} --target label --save m.npz")
    pd.read_csv("my.csv").to_parquet("my.parquet")
    expected = predictions(rnn, "predict m.npz my.csv")
    rnn("predict m.npz my.parquet --output out.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet("out.parquet"), expected, check_dtype=False, rtol=1e-6)
    rnn(f"{TRAIN.replace('my.csv', 'my.parquet')} --target label --save p.npz")
    np.testing.assert_array_equal(rnnbp.load("p.npz").params.vector, rnnbp.load("m.npz").params.vector)


@pytest.mark.interop
@pytest.mark.parametrize("suffix", ["onnx", "safetensors"])
def test_a_model_goes_out_and_comes_back(rnn, suffix):
    pytest.importorskip(suffix)
    rnn(f"{TRAIN} --target label --save m.npz")
    assert rnn(f"export m.npz m.{suffix}") == f"written: m.{suffix}\n"
    assert rnn(f"import m.{suffix} again.npz --classes no,yes").endswith("written: again.npz\n")
    names = "--sequence id --time t --features pitch,energy"
    found = predictions(rnn, f"predict again.npz my.csv {names}")
    pd.testing.assert_frame_equal(found, predictions(rnn, "predict m.npz my.csv"), rtol=1e-5)


@pytest.mark.interop
def test_weights_alone_are_imported_into_the_layers_of_another_model(rnn, refused):
    pytest.importorskip("safetensors")
    rnn(f"{TRAIN} --target label --save m.npz")
    rnn("export m.npz m.safetensors")
    rnn(f"{TRAIN} --target label --seed 1 --save other.npz")
    rnn("import m.safetensors again.npz --like other.npz")
    np.testing.assert_array_equal(rnnbp.load("again.npz").params.vector, rnnbp.load("m.npz").params.vector)
    assert "--classes must name each of the 2 outputs, got 1" in refused("import m.safetensors a.npz --classes no")


def test_a_feature_with_a_comma_in_its_name_is_found_by_the_model(rnn):
    frame = table()[["id", "t", "pitch", "energy", "label"]].rename(columns={"pitch": "Höhe, [Hz]"})
    frame.to_csv("my.csv", index=False)
    rnn("train elman --data my.csv --sequence id --time t --target label --epochs 1 --save m.npz --quiet")
    assert len(rnn("predict m.npz my.csv").splitlines()) == 21


def test_classes_named_none_and_na_are_classes(rnn):
    frame = table()[["id", "t", "pitch", "energy", "label"]].replace({"label": {"no": "None", "yes": "NA"}})
    frame.to_csv("my.csv", index=False)
    rnn("train elman --data my.csv --sequence id --time t --target label --epochs 1 --save m.npz --quiet")
    assert rnnbp.load("m.npz").classes == ("NA", "None")


def test_a_column_of_targets_without_any_is_refused(refused):
    table().assign(label="").to_csv("my.csv", index=False)
    assert "--target: column 'label' of 'my.csv' is empty" in refused(f"{TRAIN} --target label --save m.npz")


def test_dates_that_would_be_sorted_as_texts_are_refused(refused):
    days = {t: f"{8 + t // 10}.1.2024" for t in range(0, 70, 10)}
    table().replace({"t": days}).to_csv("my.csv", index=False)
    message = refused(f"{TRAIN} --target label --save m.npz")
    assert "sorted as texts" in message
    assert "before '8.1.2024'" in message
    assert "or --time '' to take rows in order" in message


@pytest.mark.cluster
def test_a_folder_of_shards_is_trained_on_evaluated_and_predicted_as_the_dataset_it_was_written_from(rnn):
    pytest.importorskip("pyarrow")
    rnnbp.write_shards(dataset(target="label"), "shards", sequences_per_shard=3)
    rnn(f"{TRAIN} --target label --save table.npz")
    rnn("train elman --data shards --epochs 1 --parameters 300 --quiet --save shards.npz")
    of_table, of_shards = rnnbp.load("table.npz"), rnnbp.load("shards.npz")
    assert of_table.params.vector.tobytes() == of_shards.params.vector.tobytes()
    assert rnn("evaluate shards.npz shards") == rnn("evaluate table.npz my.csv")
    assert rnn("predict shards.npz --data shards") == rnn("predict table.npz my.csv")


def test_integers_far_beyond_the_number_of_rows_are_names_of_classes():
    from rnnbp.cli.tables import with_names

    assert with_names(pd.Series([0, 2**40, -1]), None).tolist() == ["0", str(2**40), "-1"]
    assert with_names(pd.Series([-1, -1]), None).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (",".join(["x"] * 200), "199 of its 200 columns have the name of another"),
        ("," * 20_000, "it has 20001 columns, at most 16384 are taken"),
        ("\n\r\n" + "," * 20_000, "it has 20001 columns"),
    ],
)
def test_a_table_of_columns_that_would_take_minutes_is_refused(header, message, tmp_path):
    from rnnbp.runtime import read_csv

    (tmp_path / "a.csv").write_text(header)
    with pytest.raises(ValueError, match=message):
        read_csv(tmp_path / "a.csv")


def test_a_column_name_with_commas_counts_once_and_the_table_is_read_from_its_beginning(tmp_path):
    from rnnbp.runtime import read_csv

    (tmp_path / "a.csv").write_text('"' + "," * 20_000 + '",x\n1,2\n')
    assert read_csv(tmp_path / "a.csv").to_numpy().tolist() == [[1, 2]]


def test_columns_of_text_keep_their_places(tmp_path):
    from rnnbp.cli.tables import read_table

    (tmp_path / "a.csv").write_text("a,x,b,empty,x\nNA,1,None,,2\nu,3,v,,4\n")
    frame = read_table(tmp_path / "a.csv")
    assert list(frame) == ["a", "x", "b", "empty", "x.1"]
    assert frame["a"].tolist() == ["NA", "u"]
    assert frame["b"].tolist() == ["None", "v"]
    assert frame["x.1"].tolist() == [2, 4]
