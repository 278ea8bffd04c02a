/** What a model was trained with, which it keeps, saves and holds later data against. */
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import type { Dataset } from '../datasets/dataset.ts';
import type { Preprocessing } from '../datasets/preprocessing.ts';
import type { Column, Table } from '../datasets/table.ts';
import type { Loss } from '../losses/loss.ts';
import type { Vectorizer } from '../text/vectorizer.ts';
import { checkSamePreprocessing } from './preprocessing.ts';

/** How the numbers of samples and labels came about. */
export interface DataReading {
  readonly preprocessing: Preprocessing;
  /** Of data that were read from a table. */
  readonly table: Table | undefined;
  readonly classNames: readonly string[] | undefined;
  /** Of data that are texts. */
  readonly vectorizer?: Vectorizer | undefined;
}

/** What a model was trained with and needs again to be used. */
export interface TrainingRecord extends DataReading {
  /** Undefined in a fork that was not trained yet. */
  readonly loss: Loss | undefined;
}

/** The loss that a model was trained with. Throws `INVALID_OPTION`, with what to do, where there is none. */
export function trainedLoss(operation: string, training: TrainingRecord | undefined, remedy: string): Loss {
  if (training?.loss !== undefined) return training.loss;
  throw new GradloomError(
    'INVALID_OPTION',
    `${operation}: the model was not trained yet and so has no loss; train it, or ${remedy}`,
  );
}

/** The record after a run on `dataset`, which keeps what only earlier data said. */
export function recordTraining(
  loss: Loss,
  { preprocessing, table, classNames, vectorizer }: Dataset,
  earlier: TrainingRecord | undefined,
): TrainingRecord {
  return {
    loss,
    preprocessing,
    table: table ?? earlier?.table,
    classNames: classNames ?? earlier?.classNames,
    vectorizer: vectorizer ?? earlier?.vectorizer,
  };
}

/**
 * Refuses data whose numbers mean something else than those of `reference`: another preprocessing, other columns or
 * categories, other classes. `name` says in the error whose are compared.
 */
export function checkSameReading(
  operation: string,
  [name, given]: readonly [name: string, reading: DataReading],
  [reference, expected]: readonly [name: string, reading: DataReading],
): void {
  checkSamePreprocessing(operation, [name, given.preprocessing], [reference, expected.preprocessing]);
  const fail = (text: string) => new GradloomError('INVALID_DATA', `${operation}: ${text}`);
  const column = differingColumn(given.table, expected.table);
  if (column !== undefined) {
    throw fail(
      `column ${formatValue(column)} of ${name} is not as in ${reference} (its place, type or categories differ); ` +
        'read it as in csv(path, { like: train })',
    );
  }
  if (!haveSameFeatures(given.vectorizer, expected.vectorizer)) {
    throw fail(
      `the texts of ${name} have other features than those of ${reference}; make both with one vectorizer`,
    );
  }
  const place = differingPlace(given.classNames, expected.classNames);
  if (place === undefined) return;
  const [one, other] = [given, expected].map(({ classNames }) =>
    formatValue(classNames?.[place] ?? 'absent'),
  );
  throw fail(`class ${place} of ${name} is ${one}, of ${reference} ${other}; give both the same classNames`);
}

function differingColumn(given: Table | undefined, expected: Table | undefined): string | undefined {
  if (given === undefined || expected === undefined || given === expected) return undefined;
  const [ours, theirs] = [given, expected].map(({ inputs }) => inputs.map(meaningOf)) as [string[], string[]];
  const place = differingPlace(ours, theirs);
  return place === undefined ? undefined : (given.inputs[place] ?? expected.inputs[place])?.name;
}

/** What a column's numbers stand for; fills may differ. */
function meaningOf(column: Column): string {
  const { name, kind } = column;
  return JSON.stringify(kind === 'number' ? [name, kind] : [name, kind, column.encoding, column.categories]);
}

function haveSameFeatures(given: Vectorizer | undefined, expected: Vectorizer | undefined): boolean {
  if (given === undefined || expected === undefined || given === expected) return true;
  return JSON.stringify(given) === JSON.stringify(expected);
}

function differingPlace(
  given: readonly string[] | undefined,
  expected: readonly string[] | undefined,
): number | undefined {
  if (given === undefined || expected === undefined) return undefined;
  const length = Math.max(given.length, expected.length);
  for (let place = 0; place < length; place++) if (given[place] !== expected[place]) return place;
  return undefined;
}
