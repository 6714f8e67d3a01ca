import pytest

from leed_traffic.artifacts.onnx.protobuf import NotAMessageError, as_bytes, as_number, as_numbers, read_message
from leed_traffic.drill.rig.linear_policy import bytes_field, int_field


def test_fields_are_read_by_number_in_their_order():
    content = int_field(1, 300) + bytes_field(7, b"abc") + bytes_field(7, b"")
    message = read_message(content, once={1}, many={7})
    assert as_number(message[1][0]) == 300
    assert [as_bytes(value) for value in message[7]] == [b"abc", b""]


def test_numbers_stand_alone_or_packed():
    packed = bytes_field(1, bytes([5, 0x80 | 44, 2]))
    assert as_numbers(read_message(int_field(1, 5) + int_field(1, 300), once=set(), many={1})[1]) == [5, 300]
    assert as_numbers(read_message(packed, once=set(), many={1})[1]) == [5, 300]


@pytest.mark.parametrize(
    "content",
    [
        int_field(1, 1) + int_field(1, 2),  # twice, where once is allowed
        int_field(9, 1),  # a field that nobody expects
        bytes_field(7, b"abc")[:-1],  # cut off
        b"\x0a\xff\xff\xff\xff\x0f",  # longer than the file
        b"\xff" * 11,  # a number without end
        b"\x0b",  # a group, which no version of the format has used for years
    ],
)
def test_what_is_no_such_message_is_refused(content):
    with pytest.raises(NotAMessageError):
        read_message(content, once={1}, many={7})


def test_a_number_is_no_text_and_text_no_number():
    with pytest.raises(NotAMessageError):
        as_bytes(read_message(int_field(1, 3), once={1}, many=set())[1][0])
    with pytest.raises(NotAMessageError):
        as_number(read_message(bytes_field(1, b"x"), once={1}, many=set())[1][0])
