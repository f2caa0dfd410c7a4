"""Makes tests/data/reports: small profiles, and what ``go tool pprof`` says of them.

    python tests/integration/reportcases.py

Every answer is asked for three times: a command line whose answers differ (pprof sorts what is equal in no
fixed order) is no case. Unit tests read the files; this is run where the cases or the pinned Go version
change.
"""

import gzip
import json
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pproforacle

import profileproto

DATA = Path(__file__).resolve().parent.parent / "data" / "reports"

COMMANDS = """
tree
tree -cum -nodecount=3
tree -lines -nodefraction=0.1
tree -addresses -unit=kb
tree -mean -trim=false
peek=main|serve
peek=. -files -cum
traces
traces -lines -showcolumns
traces -addresses -noinlines
traces -mean -divide_by=3
traces -files -trim_path=/src
tags
tags -unit=kb
tags -sample_index=0
comments
raw
raw -noinlines
raw -tagroot=tenant
dot
dot -lines -nodecount=4
dot -call_tree
dot -call_tree -nodecount=3
dot -call_tree -nodefraction=0.2
dot -mean
dot -nodefraction=0.3 -edgefraction=0.2
dot -noinlines -addresses
dot -tagfocus=tenant=t1 -relative_percentages
dot -drop_negative -files
callgrind
callgrind -cum -mean
callgrind -call_tree
topproto
topproto -lines -cum
proto -divide_by=7
proto -noinlines
list=serve|grow|log -source_path={data}/src
list=serve -source_path={data}/src -unit=kb -lines
""".strip().splitlines()


class Maker:
    """A message, and what its strings and tables need."""

    def __init__(self) -> None:
        self.message = profileproto.Profile()
        self.message.string_table.append(b"")
        self.known = {b"": 0}

    def string(self, text: str) -> int:
        raw = text.encode()
        if raw not in self.known:
            self.known[raw] = len(self.known)
            self.message.string_table.append(raw)
        return self.known[raw]

    def types(self, *types: tuple[str, str]) -> None:
        for kind, unit in types:
            self.message.sample_type.add(type=self.string(kind), unit=self.string(unit))

    def function(self, name: str, file: str, start: int = 0, system: str = "") -> int:
        id_ = len(self.message.function) + 1
        self.message.function.add(
            id=id_,
            name=self.string(name),
            system_name=self.string(system or name),
            filename=self.string(file),
            start_line=start,
        )
        return id_

    def location(self, address: int, lines: list[tuple[int, int, int]], mapping: int = 1) -> int:
        """``lines``: function, line, column; the innermost first."""
        id_ = 3 * len(self.message.location) + 2
        location = self.message.location.add(id=id_, address=address, mapping_id=mapping)
        for function, line, column in lines:
            location.line.add(function_id=function, line=line, column=column)
        return id_

    def sample(self, stack: list[int], values: list[int], labels: list[tuple[str, Any, str]]) -> None:
        sample = self.message.sample.add()
        sample.location_id.extend(stack)
        sample.value.extend(values)
        for key, value, unit in labels:
            if isinstance(value, str):
                sample.label.add(key=self.string(key), str=self.string(value))
            else:
                sample.label.add(key=self.string(key), num=value, num_unit=self.string(unit))


def shop() -> bytes:
    """A heap profile as Go writes one, with tenants."""
    m = Maker()
    m.types(
        ("alloc_objects", "count"),
        ("alloc_space", "bytes"),
        ("inuse_objects", "count"),
        ("inuse_space", "bytes"),
    )
    start = m.function("runtime.main", "/usr/local/go/src/runtime/proc.go", 147)
    main = m.function("main.main", "shop/main.go", 3)
    serve = m.function("example.com/shop/v2.(*Server).serve", "shop/server.go", 6)
    grow = m.function("example.com/shop/v2.grow", "shop/server.go", 14)
    log = m.function("example.com/shop/v2.(*Server).log", "shop/server.go", 18)
    list_ = m.function("slices.Collect[...]", "/usr/local/go/src/slices/iter.go", 50)
    m.message.mapping.add(
        id=1,
        memory_start=0x400000,
        memory_limit=0x500000,
        filename=m.string("/srv/bin/shop"),
        build_id=m.string("c0ffee"),
        has_functions=True,
    )
    root = m.location(0x400010, [(start, 283, 0)])
    top = m.location(0x400020, [(main, 9, 0)])
    served = m.location(0x400030, [(serve, 10, 0)])
    logged = m.location(0x400038, [(serve, 11, 0)])
    grown = m.location(0x400040, [(grow, 15, 0), (serve, 10, 0)])
    appended = m.location(0x400050, [(log, 20, 0)])
    listed = m.location(0x400060, [(list_, 52, 0), (main, 12, 0)])
    kb = 1024
    sizes = (16, 48, 1024, 4096, 10240, 32768)
    for i, size in enumerate(sizes):
        n = 40 >> i
        tenant = [("tenant", f"t{i % 3}", "")] if i % 2 else []
        m.sample([grown, top, root], [n + 9, (n + 9) * size, n, n * size], [("bytes", size, ""), *tenant])
    m.sample(
        [appended, logged, top, root], [90, 9 * kb, 30, 3 * kb], [("bytes", 96, ""), ("tenant", "t1", "")]
    )
    m.sample([served, top, root], [5, 700 * kb, 2, 260 * kb], [("bytes", 143360, "")])
    m.sample([listed, root], [7, 7 * kb, 0, 0], [("bytes", 1024, "")])
    m.sample(
        [appended, root], [1, 11, 1, 11], [("bytes", 11, ""), ("tenant", "t1", ""), ("path", "/a b", "")]
    )
    m.message.period_type.type, m.message.period_type.unit = m.string("space"), m.string("bytes")
    m.message.period = 524288
    m.message.time_nanos = 1_700_000_000_120_000_000
    m.message.comment.extend([m.string("built by hand"), m.string("# not in headings")])
    m.message.default_sample_type = m.string("inuse_space")
    return bytes(m.message.SerializeToString())


def odd() -> bytes:
    """What profiles may hold and Go's do not: several programs, no lines, odd units, negative values."""
    m, r = Maker(), random.Random(4)
    m.types(("delay", "nanoseconds"), ("widgets", "widgets"))
    names = ["main.f", "std::vector<int>::push_back", "com.x.Foo.bar", "größe.f", "", "a/v10.X", "main.g"]
    functions = [
        m.function(name, file, start, system)
        for name, file, start, system in zip(
            names,
            ["/src/a.go", "/proc/self/cwd/x.cc", "Foo.java", "./y/../z.go", "/a//b/./c.go", "", "/src/a.go"],
            [0, 3, 0, 9, 1, 0, 30],
            ["", "_Zpush", "", "", "", "", ""],
            strict=True,
        )
    ]
    for i, file in enumerate(["/bin/prog", "/lib/libc.so.6", "[vdso]"], 1):
        m.message.mapping.add(
            id=7 * i,
            memory_start=i << 20,
            memory_limit=(i + 1) << 20,
            filename=m.string(file),
            has_filenames=i == 2,
        )
    places = []
    for i in range(11):
        lines = [
            (r.choice(functions), r.randint(0, 99), r.choice((0, 4))) for _ in range(r.choice((0, 1, 1, 2)))
        ]
        places.append(m.location(r.choice((0, (1 << 20) + 64 * i, 1 << 63)), lines, r.choice((0, 7, 14, 21))))
    keys = ["bytes", "request", "tenant", "averyverylongkey", "a", "a:b"]
    for _ in range(14):
        stack = [r.choice(places) for _ in range(r.choice((0, 1, 3, 6)))]
        labels: list[tuple[str, Any, str]] = []
        for _ in range(r.choice((0, 1, 3))):
            if r.random() < 0.5:
                labels.append((r.choice(keys), r.choice(("t0", "t1", "x y", "ü")), ""))
            else:
                labels.append((r.choice(keys), r.randint(-9, 1 << 21), r.choice(("", "kb", "ms", "bytes"))))
        m.sample(stack, [r.randint(-(10**9), 10**12), r.randint(0, 50)], labels)
    m.message.duration_nanos = 61_500_000_000
    m.message.doc_url = m.string("https://example.com/doc")
    m.message.comment.append(m.string("two\nlines"))
    return bytes(m.message.SerializeToString())


def answers(path: Path) -> list[dict[str, Any]]:
    found = []
    for command in COMMANDS:
        words = command.replace("{data}", str(DATA)).split()
        asked = [f"-{words[0]}", *words[1:], str(path)]
        said = [pproforacle.run(asked, fresh=True) for _ in range(3)]
        if len({(one.code, one.stdout) for one in said}) > 1:
            print(f"{path.name}: {command}: no fixed answer")
            continue
        data = said[0].stdout
        if words[0] in ("proto", "topproto") and not said[0].code:
            # the bytes of a profile are no business of a test: what pprof reads in them is
            again = DATA / "again.pb.gz"
            again.write_bytes(data)
            data = pproforacle.run(["-raw", str(again)], fresh=True).stdout
            again.unlink()
        found.append({"command": command, "code": said[0].code, "stdout": data.decode().splitlines()})
    return found


def main() -> None:
    DATA.mkdir(parents=True, exist_ok=True)
    for name, message in (("shop", shop()), ("odd", odd())):
        path = DATA / f"{name}.pb.gz"
        path.write_bytes(gzip.compress(message, mtime=0))
        text = json.dumps(answers(path), ensure_ascii=False, indent=1)
        path.with_name(f"{name}.json").write_text(f"{text}\n")


if __name__ == "__main__":
    main()
