"""Networks: IPv4 by 24 bits, IPv6 by 48, and nobody raises."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookup.public.network import NETWORK_BYTES, NOWHERE, network_of


@given(st.ip_addresses(v=4), st.ip_addresses(v=4))
def test_two_ipv4_addresses_share_a_network_when_their_first_24_bits_agree(
    one: ipaddress.IPv4Address, other: ipaddress.IPv4Address
) -> None:
    same = int(one) >> 8 == int(other) >> 8
    assert (network_of(str(one)) == network_of(str(other))) == same
    assert network_of(str(one)) == network_of(f"::ffff:{one}")


@given(st.ip_addresses(v=6), st.ip_addresses(v=6))
def test_two_ipv6_addresses_share_a_network_when_their_first_48_bits_agree(
    one: ipaddress.IPv6Address, other: ipaddress.IPv6Address
) -> None:
    if one.ipv4_mapped or other.ipv4_mapped:
        return
    same = int(one) >> 80 == int(other) >> 80
    assert (network_of(str(one)) == network_of(str(other))) == same
    assert network_of(str(one)) == network_of(f"{one}%eth0") != NOWHERE


@given(st.ip_addresses(v=6), st.integers(0, 2**80 - 1))
def test_whoever_moves_within_an_ipv6_48_stays_in_one_network(
    address: ipaddress.IPv6Address, host: int
) -> None:
    moved = ipaddress.IPv6Address((int(address) >> 80 << 80) | host)
    if not address.ipv4_mapped and not moved.ipv4_mapped:
        assert network_of(str(address)) == network_of(str(moved))


@given(st.text())
def test_any_text_has_a_network_of_one_size(text: str) -> None:
    assert len(network_of(text)) == NETWORK_BYTES


@pytest.mark.parametrize("text", ["", "unix:", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", ":::", "a\0b"])
def test_what_is_no_address_comes_from_nowhere(text: str) -> None:
    assert network_of(text) == NOWHERE


def test_the_families_never_meet() -> None:
    assert network_of("1.2.3.4") == b"\x04\x01\x02\x03\0\0\0"
    assert network_of("102:300::1") == b"\x06\x01\x02\x03\0\0\0"
