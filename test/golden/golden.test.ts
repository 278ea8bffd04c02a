import test from 'ava';
import { readCases } from './fixtures.ts';
import { runCase } from './suite.ts';
import { deviationOf, type Tolerance } from './tolerances.ts';

/** Cases of what Gradloom has; a number that falls means that some are no longer run. */
const IMPLEMENTED = 165;

const cases = readCases();
const golden = cases === undefined ? test.skip : test;

golden('every implemented case is within its tolerance', async (t) => {
  if (cases === undefined) return;
  t.is(cases.length, 165);
  const complaints: string[] = [];
  let passed = 0;
  for (const one of cases) {
    const outcome = await runCase(one);
    complaints.push(...outcome.complaints.map((complaint) => `${one.name}: ${complaint}`));
    if (outcome.verdict === 'within tolerance') passed += 1;
  }
  t.deepEqual(complaints, []);
  t.is(passed, IMPLEMENTED);
});

if (cases === undefined) {
  test('the fixtures are not beside this repository: their cases are skipped', (t) => t.pass());
}

const share = (got: readonly number[], ref: readonly number[], tolerance: Tolerance) =>
  deviationOf({ tensor: 'y', got, ref, tolerance }).share;

test('scaled: the largest error over the largest reference', (t) => {
  t.is(share([100, 1.5], [100, 1], { measure: 'scaled', limit: 0.01 }), 0.5);
  t.is(share([0], [0], { measure: 'scaled', limit: 0.01 }), 0);
  t.is(share([1e-9], [0], { measure: 'scaled', limit: 0.01 }), Number.POSITIVE_INFINITY);
});

test('elementwise: the error over atol + rtol * |ref|', (t) => {
  t.is(share([4, 2], [2, 2], { measure: 'elementwise', rtol: 1, atol: 2 }), 0.5);
});

test('a value that is not a number, too few values and any difference where none is allowed are out of tolerance', (t) => {
  t.is(share([Number.NaN], [1], { measure: 'scaled', limit: 1 }), Number.POSITIVE_INFINITY);
  t.is(share([1], [1, 2], { measure: 'elementwise', rtol: 1, atol: 1 }), Number.POSITIVE_INFINITY);
  t.is(share([1 + 1e-7], [1], { measure: 'exact' }), Number.POSITIVE_INFINITY);
  t.is(share([-0], [0], { measure: 'exact' }), 0);
});
