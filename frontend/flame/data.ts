// The tree as the page holds it; src/gosnap/report/html/flame.py writes it.

export interface SampleType {
  name: string;
  unit: string;
  diff: boolean;
}

interface Facts {
  title: string;
  nodes: number;
  names: string[];
  places: string[];
  inlined: boolean;
  types: SampleType[];
  chosen: number;
  notes: string[];
  left_out: number;
}

/** What the page holds: columns in pre-order. Values above 2^53 are rounded to the nearest double. */
export interface Data extends Facts {
  depth: Int32Array;
  parent: Int32Array;
  name: Int32Array;
  inlinedAt: Uint8Array | null;
  /** Totals of a sample type, and in a diff those before; decoded when they are asked for. */
  total(type: number): Float64Array;
  base(type: number): Float64Array | null;
}

export async function readData(base64: string): Promise<Data> {
  const bytes = await inflate(fromBase64(base64));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(0, true);
  const facts = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length))) as Facts;
  const n = facts.nodes;
  let at = 4 + length;
  const take = (size: number): Uint8Array => {
    const column = bytes.subarray(at, at + size * n);
    at += size * n;
    return column;
  };
  const depth = int32(take(4), n);
  const name = int32(take(4), n);
  const inlinedAt = facts.inlined ? take(1) : null;
  const columns = facts.types.map((type) => ({ total: take(8), base: type.diff ? take(8) : null }));
  if (at !== bytes.length) throw new Error("the data of this page is damaged");

  const parent = new Int32Array(n);
  const above: number[] = [-1];
  for (let i = 0; i < n; i++) {
    const d = depth[i];
    parent[i] = above[d];
    above[d + 1] = i;
  }
  return {
    ...facts,
    depth,
    parent,
    name,
    inlinedAt,
    total: (type) => float64(columns[type].total, n),
    base: (type) => {
      const planes = columns[type].base;
      return planes && float64(planes, n);
    },
  };
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A column of u32 that fit into an i32, from its four planes. */
function int32(planes: Uint8Array, n: number): Int32Array {
  const column = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    column[i] = planes[i] | (planes[n + i] << 8) | (planes[2 * n + i] << 16) | (planes[3 * n + i] << 24);
  }
  return column;
}

/** A column of i64 as doubles, from its eight planes. */
function float64(planes: Uint8Array, n: number): Float64Array {
  const low = int32(planes.subarray(0, 4 * n), n);
  const high = int32(planes.subarray(4 * n), n);
  const column = new Float64Array(n);
  for (let i = 0; i < n; i++) column[i] = high[i] * 4294967296 + (low[i] >>> 0);
  return column;
}
