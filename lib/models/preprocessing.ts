import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import type { Preprocessing } from '../datasets/parts/preprocessing.ts';

/**
 * A model sees all its data through one preprocessing: another one would turn its weights' units round
 * without a word. `name` and `reference` say in the error whose are compared.
 */
export function checkSamePreprocessing(
  operation: string,
  [name, given]: readonly [name: string, preprocessing: Preprocessing],
  [reference, expected]: readonly [name: string, preprocessing: Preprocessing],
): void {
  const areStepsSame = JSON.stringify(given.before ?? []) === JSON.stringify(expected.before ?? []);
  if (areStepsSame && isSame(given.scale, expected.scale) && isSame(given.shift, expected.shift)) return;
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: ${name} is preprocessed with ${format(given)}, ${reference} with ${format(expected)}; ` +
      'prepare both in one call, as in [train, test] = standardize(train, test), or give both the same scale and shift',
  );
}

/** One value stands for as many equal ones. */
function isSame(a: readonly number[], b: readonly number[]): boolean {
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, index) => index).every(
    (index) => a[index % a.length] === b[index % b.length],
  );
}

function format({ scale, shift, before = [] }: Preprocessing): string {
  return `${before.map(({ norm }) => `norm ${formatValue(norm)}, `).join('')}scale ${formatValue(scale)} and shift ${formatValue(shift)}`;
}
