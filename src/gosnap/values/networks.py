"""Addresses of networks, and UUIDs (net/ip.go, net/netip/netip.go)."""

import ipaddress

from gosnap.errors import ReadError
from gosnap.values.presenting import Work

_LONGEST = 64


def _octets(work: Work) -> bytes:
    pointer, length = work.header()
    if length > _LONGEST:
        raise ReadError(f"an address of {length} bytes")
    return work.subject.memory.read(pointer, length) if length else b""


def _ip_text(raw: bytes) -> str:
    if len(raw) == 16 and raw.startswith(bytes(10) + b"\xff\xff"):
        raw = raw[12:]
    if len(raw) == 4:
        return str(ipaddress.IPv4Address(raw))
    return str(ipaddress.IPv6Address(raw)) if len(raw) == 16 else ""


def ip(work: Work) -> None:
    """net.IP: 4 or 16 bytes; what has neither stays what it is."""
    work.node.note = _ip_text(_octets(work))


def ip_net(work: Work) -> None:
    """net.IPNet: 10.0.0.0/8."""
    address, mask = _octets(work.inner("IP")), _octets(work.inner("Mask"))
    bits = "".join(f"{b:08b}" for b in mask)
    ones = len(bits) - len(bits.lstrip("1"))
    if "1" in bits[ones:] or not _ip_text(address) or len(mask) not in (4, 16):
        return
    if len(mask) == 16 and "." in _ip_text(address):
        ones -= 96
    if ones >= 0:
        work.node.note = f"{_ip_text(address)}/{ones}"


def hardware(work: Work) -> None:
    """net.HardwareAddr: 00:1b:21:..."""
    work.node.note = ":".join(f"{b:02x}" for b in _octets(work))


def uuid(work: Work) -> None:
    """xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx."""
    h = work.raw.hex()
    if len(h) == 32:
        work.node.note = f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def addr(work: Work) -> None:
    """netip.Addr."""
    work.node.note = _addr_text(work)


def addr_port(work: Work) -> None:
    """netip.AddrPort."""
    text = _addr_text(work.inner("ip"))
    if text == "invalid IP":
        work.node.note = "invalid AddrPort"
    else:
        work.node.note = f"[{text}]:{work.number('port')}" if ":" in text else f"{text}:{work.number('port')}"


def prefix(work: Work) -> None:
    """netip.Prefix."""
    text, bits = _addr_text(work.inner("ip")), work.number("bitsPlusOne") - 1
    work.node.note = f"{text}/{bits}" if bits >= 0 and text != "invalid IP" else "invalid Prefix"


def _addr_text(work: Work) -> str:
    """hi and lo are the address as two words; z tells IPv4, IPv6, and an IPv6 zone: pointers to one value
    each, which package variables hold."""
    hi, lo = work.number("addr.hi"), work.number("addr.lo")
    z = work.number("z.value", "z")
    if not z:
        return "invalid IP"
    four, six = (_variable(work, f"net/netip.{name}") for name in ("z4", "z6noz"))
    if z == four or (not four and hi == 0 and lo >> 32 == 0xFFFF):
        return str(ipaddress.IPv4Address(lo & 0xFFFFFFFF))
    text = str(ipaddress.IPv6Address(hi << 64 | lo))
    if hi == 0 and lo >> 32 == 0xFFFF:
        # Addr.string4In6
        text = f"::ffff:{ipaddress.IPv4Address(lo & 0xFFFFFFFF)}"
    zone = "" if z == six else _zone(work, z)
    return f"{text}%{zone}" if zone else text


def _variable(work: Work, name: str) -> int:
    """The pointer in a package variable; 0 where the program does not have it."""
    v = work.subject.variables
    for row in v.name.find(name):
        return work.subject.memory.word(int(v.address[row]))
    return 0


def _zone(work: Work, z: int) -> str:
    """The zone's name: in addrDetail since Go 1.23, before in the interface of an intern.Value."""
    subject, memory = work.subject, work.subject.memory
    detail = subject.member(subject.type_row("net/netip.addrDetail"), "zoneV6")
    if detail is not None:
        at = z + detail.offset
    else:
        held = subject.member(subject.type_row("internal/intern.Value"), "cmpVal")
        if held is None:
            return ""
        at = memory.word(z + held.offset + 8)
    pointer, length = memory.word(at), memory.word(at + 8)
    return memory.read(pointer, length).decode("utf-8", "replace") if length < _LONGEST else ""
