import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  conv2d,
  dense,
  embedding,
  flatten,
  fromArrays,
  fromSparse,
  GradloomError,
  info,
  readNpy,
  reshape,
  sequential,
  upsample2d,
  zeroPad2d,
} from '../../../lib/index.ts';
import { collectGarbage, type PromiseProof, randomIntegers, withFolder } from '../promise.ts';

/** Where products of 32-bit, 53-bit and 64-bit integers go wrong. */
const EDGES = [2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63];
const LARGEST_EXTENT = 2 ** 31 - 1;
const EXPECTED = [
  'SHAPE_TOO_LARGE',
  'SHAPE_MISMATCH',
  'OUT_OF_MEMORY',
  'INVALID_OPTION',
  'INVALID_DATA',
  'FILE_FORMAT',
];
/** For what the process itself needs meanwhile: whatever is refused would take 8 GB and more. */
const MOST_GROWTH_KB = 128 * 1024;

/** Extents whose product is about `product`. */
function extentsOf(product: number, axes: number, random: (bound: number) => number): number[] {
  const extents: number[] = [];
  let left = product;
  for (let axis = 0; axis < axes; axis++) {
    const rest = axes - 1 - axis;
    const least = Math.max(1, Math.ceil(left / LARGEST_EXTENT ** rest));
    const most = Math.min(LARGEST_EXTENT, Math.floor(left));
    const exponent =
      rest === 0 ? Math.log2(left) : Math.log2(least) + (random(1000) / 1000) * Math.log2(most / least);
    const extent = Math.min(LARGEST_EXTENT, Math.max(1, Math.round(2 ** exponent) + random(3) - 1));
    extents.push(extent);
    left = Math.max(1, left / extent);
  }
  return extents;
}

type Attempt = (extents: readonly number[], folder: string) => unknown;

/** No machine has the memory for weights from here on, and none of them could address it. */
const WEIGHTS_FROM = 2 ** 53;

const ATTEMPTS: Readonly<Record<string, Attempt>> = {
  'fromArrays, floats': (inputShape) => fromArrays({ inputs: new Float32Array(64), inputShape, labels: [0] }),
  'fromArrays, bytes': (inputShape) => fromArrays({ inputs: new Uint8Array(64), inputShape, labels: [0] }),
  'fromArrays, targets': (labelShape) =>
    fromArrays({ inputs: [[1]], inputShape: [1], labels: new Float32Array(8), labelShape } as never),
  fromSparse: (inputShape) =>
    fromSparse({ inputShape: [...inputShape, 2] as never, samples: [[2 ** 32]], labels: [0] }),
  reshape: (shape) => sequential({ inputShape: [8] }, [reshape({ shape: [...shape] } as never)]),
  readNpy: async (shape, folder) => {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.join(', ')},), }\n`;
    const file = join(folder, 'large.npy');
    const length = Uint8Array.of(header.length, 0);
    await writeFile(
      file,
      Buffer.concat([Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(header)]),
    );
    return readNpy(file);
  },
};

const WEIGHT_ATTEMPTS: Readonly<Record<string, Attempt>> = {
  dense: ([a = 1, b = 1, c = 1, ...rest]) =>
    sequential({ inputShape: [a, b, c] }, [flatten(), dense({ units: rest[0] ?? LARGEST_EXTENT })]),
  embedding: ([rows = 1, units = 1]) =>
    sequential({ inputShape: [1] }, [
      embedding({ rows: Math.max(rows, 2 ** 30), units: Math.max(units, 2 ** 30) }),
    ]),
  conv2d: ([a = 1, b = 1, c = 1]) =>
    sequential({ inputShape: [9, 9, a] }, [
      conv2d({ filters: Math.max(b, 2 ** 24), kernelSize: [9, 9] }),
      conv2d({ filters: Math.max(c, 2 ** 30), kernelSize: 1 }),
    ]),
  zeroPad2d: ([a = 1, b = 1]) =>
    sequential({ inputShape: [a, b, 8] }, [
      zeroPad2d({ padding: LARGEST_EXTENT >> 1 }),
      flatten(),
      dense({ units: 2 ** 30 }),
    ]),
  upsample2d: ([a = 1, b = 1]) =>
    sequential({ inputShape: [a, b, 8] }, [
      upsample2d({ size: 2 ** 20 }),
      flatten(),
      dense({ units: 2 ** 30 }),
    ]),
};

export const largeShapes: PromiseProof = {
  number: 14,
  title:
    'shapes whose products lie around 2^31, 2^32, 2^53 and 2^63 are refused before anything is allocated',
  prove({ length, seed, tally }) {
    return withFolder(async (folder) => {
      const random = randomIntegers(seed);
      const codes: Record<string, number> = {};
      await collectGarbage();
      const before = { bytes: info().allocatedBytes, peak: process.resourceUsage().maxRSS };
      const trials = length === 'long' ? 50_000 : 1_000;
      for (let trial = 0; trial < trials; trial++) {
        const edge = EDGES[random(EDGES.length)] as number;
        const attempts = Object.entries(edge < WEIGHTS_FROM ? ATTEMPTS : { ...ATTEMPTS, ...WEIGHT_ATTEMPTS });
        const [name, attempt] = attempts[random(attempts.length)] as [string, Attempt];
        const extents = extentsOf(edge, edge > 2 ** 60 ? 3 : 2 + random(2), random);
        const what = `${name} of [${extents.join(', ')}]`;
        try {
          await attempt(extents, folder);
          tally.fail(`${what} is taken`);
        } catch (error) {
          const code = error instanceof GradloomError ? error.code : String(error);
          codes[code] = (codes[code] ?? 0) + 1;
          if (!EXPECTED.includes(code)) tally.fail(`${what}: ${error}`);
        }
        if (info().allocatedBytes !== before.bytes) tally.fail(`${what} leaves memory behind`);
        tally.tried();
      }
      const growth = process.resourceUsage().maxRSS - before.peak;
      if (growth > MOST_GROWTH_KB) tally.fail(`the process grew by ${growth} kB`);
      return { facts: { ...codes, growthKb: growth } };
    });
  },
};
