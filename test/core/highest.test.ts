/** The highest of many scores, beside all of them in order. */
import test from 'ava';
import fc from 'fast-check';
import { highest } from '../../lib/core/highest.ts';

/** By a plain sort, which is stable. */
function inOrder(scores: ArrayLike<number>, count: number, left: ReadonlySet<unknown>): number[] {
  return Array.from(scores, (score, place) => ({ score, place }))
    .filter(({ score, place }) => !Number.isNaN(score) && !left.has(place))
    .sort((a, b) => (a.score === b.score ? 0 : a.score < b.score ? 1 : -1))
    .slice(0, count)
    .map(({ place }) => place);
}

// Few values, so that most scores are equal to others, beside any.
const score = fc.oneof(
  fc.constantFrom(-1, -0, 0, 1, 2, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN),
  fc.float(),
);

test('the highest scores are those of a plain sort, of equal ones the lower place first', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.array(score, { maxLength: 80 }),
        fc.constantFrom('as they come', 'ascending', 'descending'),
        fc.integer({ min: 1, max: 90 }),
        fc.array(fc.nat(90)),
        (values, order, count, without) => {
          const scores =
            order === 'as they come' ? Float32Array.from(values) : Float32Array.from(values).sort();
          if (order === 'descending') scores.reverse();
          const left = new Set(without);
          const expected = inOrder(scores, count, left);
          return highest(scores, { count, left }).join() === expected.join();
        },
      ),
      { numRuns: 2_000, seed: 5 },
    ),
  );
});

test('the highest of many, with some left out', (t) => {
  const scores = Float64Array.from({ length: 20_000 }, (_, place) => (place * 7919) % 10_007);
  for (const count of [1, 2, 10, 9_999, 20_000, 2 ** 31 - 1]) {
    const left = new Set(inOrder(scores, 7, new Set()).slice(1));
    t.deepEqual(highest(scores, { count, left }), inOrder(scores, count, left), `${count}`);
  }
});
