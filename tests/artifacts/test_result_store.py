import gzip

import pytest

from leed_traffic.artifacts.result_store import ResultStore, digest_of, file_digest, source_digest
from leed_traffic.domain.document import Document
from leed_traffic.errors import UsageError


class Delays(Document):
    delays_s: tuple[float, ...]


KEY = digest_of("a", 1)
FOUND = Delays(delays_s=(1.5, 2.0))


def test_what_is_kept_is_found_as_it_was(tmp_path):
    store = ResultStore(tmp_path / "new" / "folder", Delays)
    assert store.find(KEY) is None
    store.keep(KEY, FOUND)
    assert store.find(KEY) == FOUND
    assert store.find(digest_of("a", 2)) is None
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == [f"{KEY}.json.gz"]


def test_the_same_result_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        ResultStore(tmp_path / name, Delays).keep(KEY, FOUND)
    first, second = ((tmp_path / name / f"{KEY}.json.gz").read_bytes() for name in ("a", "b"))
    assert first == second


def test_a_result_with_any_byte_missing_or_changed_counts_as_missing(tmp_path):
    store = ResultStore(tmp_path, Delays)
    store.keep(KEY, FOUND)
    path = tmp_path / f"{KEY}.json.gz"
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert store.find(KEY) is None
    for at in range(10, len(whole)):  # behind gzip's header, which says nothing of the content
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert store.find(KEY) in (None, FOUND)
    path.write_bytes(whole)
    assert store.find(KEY) == FOUND


def test_a_result_of_another_shape_counts_as_missing(tmp_path):
    store = ResultStore(tmp_path, Delays)
    (tmp_path / f"{KEY}.json.gz").write_bytes(gzip.compress(b'{"delays_s": [1.0], "more": 1}'))
    assert store.find(KEY) is None
    assert store.find_bytes(KEY) == b'{"delays_s": [1.0], "more": 1}'


def test_without_a_folder_nothing_is_kept():
    store = ResultStore(None, Delays)
    store.keep(KEY, FOUND)
    assert store.find(KEY) is None


def test_a_folder_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be written \(.*\); choose another place"):
        ResultStore(tmp_path / "file", Delays).keep(KEY, FOUND)


def test_order_and_type_of_the_parts_decide_a_digest():
    assert (
        len({digest_of("a", "b"), digest_of("b", "a"), digest_of("ab"), digest_of(["a", "b"]), digest_of(1)}) == 5
    )
    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})


def test_a_file_is_known_by_its_content(tmp_path):
    path = tmp_path / "a"
    path.write_text("1")
    first = file_digest(path)
    path.write_text("12")
    assert file_digest(path) != first
    other = tmp_path / "b"
    other.write_text("1")
    assert file_digest(other) == first


def test_every_room_has_a_source_of_its_own():
    assert source_digest("domain") != source_digest("artifacts")
    assert source_digest("domain", "artifacts") != source_digest("domain")
