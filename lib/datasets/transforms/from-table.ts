/** A table's columns as inputs of their own. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, instanceOf, readValue } from '../../core/options.ts';
import type { NamedShapes } from '../../core/shape.ts';
import { Dataset, type LabelKind, partsOf } from '../dataset.ts';
import { compact } from '../operations/concat.ts';
import type { DatasetParts, InputParts } from '../parts/dataset-parts.ts';
import { factorsAt, IDENTITY } from '../parts/preprocessing.ts';
import { type Column, makeTable, type Table } from '../parts/table.ts';

/** The input of all columns of numbers. */
const NUMBERS = 'numbers';

/**
 * The columns of a table as inputs of a `graph`: the numbers side by side as `numbers`, with their preprocessing, and each column
 * of categories as an input of ids (`[1]`, for `embedding`), called as the column, with `_` for what no name may have. The model
 * then takes rows: `model.predict([{ age: 31, city: 'Oslo' }])`. Read the table with `categories: 'index'`.
 *
 * @example
 * const people = await csv('people.csv', { target: 'income', categories: 'index' });
 * const [train, test] = standardize(...people.split({ fraction: 0.8 })).map(fromTable); // { numbers: [3], city: [1] }
 *
 * Throws `INVALID_DATA` for a dataset that was not read from a table, and for columns that are one-hot.
 */
export function fromTable<Label extends LabelKind>(
  dataset: Dataset<readonly number[], Label>,
): Dataset<NamedShapes, Label> {
  readValue('fromTable', 'dataset', dataset, instanceOf('a Dataset', Dataset));
  const given = partsOf(dataset, 'fromTable');
  const parts = given.rows === undefined ? given : compact(given);
  const { table, inputs } = parts;
  if (table === undefined || inputs instanceof Int32Array || parts.preprocessing.before !== undefined) {
    throw new GradloomError(
      'INVALID_DATA',
      'fromTable: takes a dataset of the columns of a table, such as csv or fromRows reads; one that was mapped, or scaled by its samples, has none',
    );
  }
  const places = table.inputs.map((column, place) => ({ column, place }));
  const numbers = places.filter(({ column }) => column.kind === 'number');
  const categories = places.filter(({ column }) => column.kind === 'category');
  const names = nameInputs(categories.map(({ column }) => column));
  const columns = [
    ...(numbers.length === 0 ? [] : [[NUMBERS, numbersOf(parts, table, numbers)] as const]),
    ...categories.map((each, i) => [names[i] as string, idsOf(parts, table, each)] as const),
  ];
  const { labelKind, labelShape, labels, classCount, classNames, sampleWeights } = parts;
  return new Dataset<NamedShapes, Label>({
    ...{ labelKind, labelShape, labels, classCount, classNames, sampleWeights },
    rows: undefined,
    columns: Object.freeze(Object.fromEntries(columns)),
  });
}

interface Place {
  readonly column: Column;
  readonly place: number;
}

function numbersOf(parts: DatasetParts, table: Table, numbers: readonly Place[]): InputParts {
  const count = numbers.length;
  const factors = numbers.map(({ place }) => factorsAt(parts.preprocessing, place));
  return Object.freeze({
    inputShape: Object.freeze([count]),
    inputs: Float32Array.from(gather(parts, table, numbers)),
    preprocessing: Object.freeze({
      scale: Object.freeze(factors.map(({ scale }) => scale)),
      shift: Object.freeze(factors.map(({ shift }) => shift)),
    }),
    table: tableOf(table, numbers),
    gaps: parts.gaps && numbers.map(({ place }) => parts.gaps?.[place] ?? new Uint32Array()),
  });
}

function idsOf(parts: DatasetParts, table: Table, each: Place): InputParts {
  return Object.freeze({
    inputShape: Object.freeze([1]),
    inputs: Int32Array.from(gather(parts, table, [each])),
    preprocessing: IDENTITY,
    table: tableOf(table, [each]),
    gaps: parts.gaps && [parts.gaps[each.place] ?? new Uint32Array()],
  });
}

/** The values of some columns, row by row. */
function gather({ inputs }: DatasetParts, { featureNames }: Table, chosen: readonly Place[]): Float32Array {
  const width = featureNames.length;
  const values = inputs as Float32Array;
  return new Float32Array((values.length / width) * chosen.length).map((_, at) => {
    const { place } = chosen[at % chosen.length] as Place;
    return values[Math.floor(at / chosen.length) * width + place] as number;
  });
}

function tableOf({ targets, unknown, report }: Table, chosen: readonly Place[]): Table {
  const columns = chosen.map(({ column }) => column);
  const isNamed = (line: string) => columns.some(({ name }) => line.startsWith(`${name}: `));
  return makeTable(columns, targets, { unknown, report: report.filter(isNamed) });
}

/** The table whose columns the inputs of a model are, if all are columns of one. */
export function joinTables(
  inputs: Readonly<Record<string, Pick<InputParts, 'table'>>> | undefined,
): Table | undefined {
  const tables = Object.values(inputs ?? {}).map(({ table }) => table);
  const [first] = tables;
  if (first === undefined || !tables.every((table) => table !== undefined)) return undefined;
  const columns = (tables as readonly Table[]).flatMap((table) => table.inputs);
  if (new Set(columns.map(({ name }) => name)).size < columns.length) return undefined;
  return makeTable(columns, first.targets, { unknown: first.unknown, report: [] });
}

function nameInputs(columns: readonly Column[]): readonly string[] {
  const taken = new Set<string>([NUMBERS]);
  return columns.map((column) => {
    if (column.kind === 'category' && column.encoding === 'oneHot') {
      throw new GradloomError(
        'INVALID_DATA',
        `fromTable: column ${formatValue(column.name)} is one-hot; read the table with { categories: "index" }`,
      );
    }
    const base = column.name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 90) || '_';
    let name = base;
    for (let i = 2; taken.has(name); i++) name = `${base}_${i}`;
    taken.add(name);
    return name;
  });
}
