import test from 'ava';
import { type PhiloxCounter, type PhiloxKey, philox4x32, RandomStream } from '../../lib/core/philox.ts';

/** Known answers of Random123, the authors' library (`kat_vectors`, philox4x32 with 10 rounds). */
const KNOWN: readonly (readonly [counter: PhiloxCounter, key: PhiloxKey, block: PhiloxCounter])[] = [
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
];

for (const [index, [counter, key, block]] of KNOWN.entries()) {
  test(`philox4x32 gives known answer ${index}`, (t) => {
    t.deepEqual(philox4x32(counter, key), block);
  });
}

/** The ten rounds in arbitrary precision. */
function philoxByBigInt(counter: PhiloxCounter, key: PhiloxKey): number[] {
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  const word = (value: bigint) => BigInt.asUintN(32, value);
  for (let round = 0; round < 10; round++) {
    const product0 = 0xd2511f53n * c0;
    const product1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [
      (product1 >> 32n) ^ c1 ^ k0,
      word(product1),
      (product0 >> 32n) ^ c3 ^ k1,
      word(product0),
    ];
    k0 = word(k0 + 0x9e3779b9n);
    k1 = word(k1 + 0xbb67ae85n);
  }
  return [c0, c1, c2, c3].map(Number);
}

test('philox4x32 equals its definition in arbitrary precision', (t) => {
  let counter: PhiloxCounter = [1, 2, 3, 4];
  let key: PhiloxKey = [5, 6];
  for (let repeat = 0; repeat < 2000; repeat++) {
    const block = philox4x32(counter, key);
    if (repeat % 10 === 0) t.deepEqual([...block], philoxByBigInt(counter, key));
    counter = block;
    key = [block[3], block[1]];
  }
});

test('a stream is addressed as in the native core: block, purpose and step in the counter, the seed in the key', (t) => {
  const seed = 0x12345_89abcdef;
  const stream = new RandomStream(seed, 'split');
  const words = Array.from({ length: 8 }, () => stream.word());
  const key: PhiloxKey = [0x89abcdef, 0x12345];
  t.deepEqual(words, [
    ...philox4x32([0, 0, 4 * 2 ** 24, 0], key),
    ...philox4x32([1, 0, 4 * 2 ** 24, 0], key),
  ]);
});

test('below gives each integer of its range about equally often, and nothing else', (t) => {
  for (const bound of [1, 2, 3, 7, 10]) {
    const stream = new RandomStream(1, 'split');
    const counts = new Array<number>(bound).fill(0);
    for (let draw = 0; draw < 10_000; draw++) {
      const value = stream.below(bound);
      counts[value] = (counts[value] ?? Number.NaN) + 1;
    }
    const expected = 10_000 / bound;
    // Six standard deviations of a binomial count.
    for (const count of counts)
      t.true(Math.abs(count - expected) <= 6 * Math.sqrt(expected), `${bound}: ${counts}`);
  }
});

test('below rejects words that would favour small integers', (t) => {
  const bound = 3 * 2 ** 30;
  const stream = new RandomStream(0, 'split');
  const thirds = [0, 0, 0];
  for (let draw = 0; draw < 9000; draw++) {
    const third = Math.floor(stream.below(bound) / 2 ** 30);
    thirds[third] = (thirds[third] ?? Number.NaN) + 1;
  }
  for (const count of thirds) t.true(Math.abs(count - 3000) < 6 * Math.sqrt(2000), `${thirds}`);
});
