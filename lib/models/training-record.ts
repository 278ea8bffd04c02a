/** What a model was trained with, which it keeps, saves and holds later data against. */
import { GradloomError } from '../core/errors.ts';
import { formatValue } from '../core/options.ts';
import type { InputShape } from '../core/shape.ts';
import { anyPartsOf, Dataset } from '../datasets/dataset.ts';
import { IDENTITY, type Preprocessing } from '../datasets/parts/preprocessing.ts';
import type { Column, Table } from '../datasets/parts/table.ts';
import type { Loss } from '../losses/loss.ts';
import type { Vectorizer } from '../text/vectorizer.ts';
import { checkSamePreprocessing } from './preprocessing.ts';

/** How the numbers of an input's samples came about. */
export interface InputReading {
  readonly preprocessing: Preprocessing;
  /** Of data that were read from a table. */
  readonly table: Table | undefined;
  /** Of data that are texts. */
  readonly vectorizer?: Vectorizer | undefined;
  /** What features count from, of data that were read by `libsvm`. */
  readonly firstFeature?: 0 | 1 | undefined;
}

/** How the numbers of samples and labels came about. */
export interface DataReading extends InputReading {
  readonly classNames: readonly string[] | undefined;
  /** Where samples have several inputs, which have readings of their own. */
  readonly inputs?: Readonly<Record<string, InputReading>> | undefined;
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
  dataset: Dataset<InputShape>,
  earlier: TrainingRecord | undefined,
): TrainingRecord {
  const { classNames, inputs, ...reading } = readingOf(dataset);
  return {
    loss,
    ...recordInput(reading, earlier),
    classNames: classNames ?? earlier?.classNames,
    inputs: inputs && mapInputs(inputs, (input, name) => recordInput(input, earlier?.inputs?.[name])),
  };
}

/** Of samples that are what they are, in the inputs of these names. */
export function readAsStored(names: readonly string[]): DataReading {
  const stored = { preprocessing: IDENTITY, table: undefined };
  const inputs = names.length === 0 ? undefined : Object.fromEntries(names.map((name) => [name, stored]));
  return { ...stored, classNames: undefined, inputs };
}

function recordInput(
  { preprocessing, table, vectorizer, firstFeature }: InputReading,
  earlier: InputReading | undefined,
): InputReading {
  return {
    preprocessing,
    table: table ?? earlier?.table,
    vectorizer: vectorizer ?? earlier?.vectorizer,
    firstFeature: firstFeature ?? earlier?.firstFeature,
  };
}

function mapInputs(
  inputs: Readonly<Record<string, InputReading>>,
  map: (input: InputReading, name: string) => InputReading,
): Readonly<Record<string, InputReading>> {
  return Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, map(input, name)]));
}

function readingOf(given: DataReading | Dataset<InputShape>): DataReading {
  if (!(given instanceof Dataset)) return given;
  const { columns } = anyPartsOf(given);
  const { preprocessing, table, vectorizer, firstFeature, classNames } = given;
  return { preprocessing, table, vectorizer, firstFeature, classNames, inputs: columns };
}

/**
 * Refuses data whose numbers mean something else than those of `reference`: another preprocessing, other columns or
 * categories, other classes. `name` says in the error whose are compared.
 */
export function checkSameReading(
  operation: string,
  [name, givenData]: readonly [name: string, reading: DataReading | Dataset<InputShape>],
  [reference, expectedData]: readonly [name: string, reading: DataReading | Dataset<InputShape>],
): void {
  const [given, expected] = [readingOf(givenData), readingOf(expectedData)];
  checkSameInput(operation, [name, given], [reference, expected]);
  for (const [input, reading] of Object.entries(given.inputs ?? {})) {
    const other = expected.inputs?.[input];
    if (other === undefined) continue;
    checkSameInput(operation, [`input "${input}" of ${name}`, reading], [reference, other]);
  }
  const place = differingPlace(given.classNames, expected.classNames);
  if (place === undefined) return;
  const [one, other] = [given, expected].map(({ classNames }) =>
    formatValue(classNames?.[place] ?? 'absent'),
  );
  throw new GradloomError(
    'INVALID_DATA',
    `${operation}: class ${place} of ${name} is ${one}, of ${reference} ${other}; give both the same classNames`,
  );
}

function checkSameInput(
  operation: string,
  [name, given]: readonly [name: string, reading: InputReading],
  [reference, expected]: readonly [name: string, reading: InputReading],
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
  const [ours, theirs] = [given.firstFeature, expected.firstFeature];
  if (ours !== undefined && theirs !== undefined && ours !== theirs) {
    throw fail(
      `the features of ${name} count from ${ours}, those of ${reference} from ${theirs}; read both by libsvm with one firstFeature`,
    );
  }
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
