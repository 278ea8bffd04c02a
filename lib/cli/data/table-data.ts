/** A table as data to train on: which columns are used and how, what the target is. All that is decided here is said. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, suggest } from '../../core/options.ts';
import { type Dataset, partsOf } from '../../datasets/dataset.ts';
import type { RowSource } from '../../datasets/encoding/rows.ts';
import type { ReadTableOptions } from '../../datasets/encoding/table-options.ts';
import { type FoundColumn, scanTable } from '../../datasets/encoding/table-scan.ts';
import type { CategoryEncoding, MissingPolicy, Table } from '../../datasets/parts/table.ts';
import { readTable } from '../../datasets/tables/read-table.ts';
import { countOf } from '../output.ts';
import {
  type ColumnOptions,
  describeDoubts,
  describeFill,
  describeInputs,
  describeNearlyNumbers,
  MAX_CATEGORIES,
  reasonToLeaveOut,
  shortList,
  textOf,
} from './column-notes.ts';
import { findRowNumbers } from './row-ids.ts';
import { describeLeftOut, withTarget } from './rows-with-target.ts';
import { openTable, type SourceOptions } from './table-source.ts';
import { watchCategories } from './unknown-categories.ts';

export type Task = 'classification' | 'regression';

export interface TableDataOptions extends SourceOptions, ColumnOptions {
  readonly target: string;
  readonly task: Task | 'auto';
  readonly ignore: readonly string[];
  /** Columns of numbers that are names, such as zip codes. */
  readonly named: readonly string[];
  /** `'auto'` fills, `'error'` refuses. */
  readonly missing: 'auto' | 'error';
}

export interface TrainingData {
  readonly dataset: Dataset;
  readonly task: Task;
  /** What was found and decided, by heading. */
  readonly notes: readonly (readonly [heading: string, ...lines: string[]])[];
}

/** Whole numbers of so few values are taken for classes. */
const MAX_NUMBERED_CLASSES = 20;

export async function readTrainingTable(path: string, options: TableDataOptions): Promise<TrainingData> {
  const { source: all, format } = await openTable(path, options);
  const { source, leftOut: unlabelled } =
    options.missing === 'error' ? { source: all, leftOut: undefined } : withTarget(all, options.target);
  const types = Object.fromEntries(options.named.map((name) => [name, 'category' as const]));
  const { found, rowCount } = await scanTable(
    source,
    (name) => !options.ignore.includes(name),
    new Map(Object.entries(types)),
  );
  if (rowCount === 0) {
    throw new GradloomError('FILE_FORMAT', `${path}: has no line of data below its header`);
  }
  if (rowCount === 1) {
    const rows = unlabelled?.count ? '1 row with a target' : '1 row';
    throw new GradloomError('INVALID_DATA', `${path}: has ${rows}, which is nothing to learn from`);
  }
  const target = findColumn(path, found, options.target, options.header);
  for (const name of [...options.ignore, ...options.keep, ...options.named])
    findColumn(path, found, name, options.header);
  if (target.count === 0) {
    throw new GradloomError(
      'INVALID_DATA',
      `${path}: the target ${formatValue(target.name)} holds no value at all`,
    );
  }
  const inputs = found.filter(({ name }) => name !== target.name && !options.ignore.includes(name));
  const { ids, counters } = await findRowNumbers(source, found, options.header);
  const leftOut = inputs.flatMap((column) => reasonToLeaveOut(column, ids, options, source));
  const columns = inputs.filter(({ name }) => !leftOut.some((out) => out.name === name));
  if (columns.length === 0) {
    throw new GradloomError(
      'INVALID_DATA',
      `${path}: no column is left for the inputs${leftOut.map(({ text }) => `; ${text}`).join('')}`,
    );
  }
  const fills = columns.filter(({ missing }) => missing > 0);
  const settings: Settings = {
    columns: columns.map(({ name }) => name),
    categories: options.categories,
    types,
    missing: Object.fromEntries(columns.map((column) => [column.name, policyFor(column, options)])),
  };
  const { dataset, task, reason } = await readTarget(source, target, settings, options.task);
  return {
    dataset,
    task,
    notes: [
      ['data', `${path}: ${countOf(rowCount, 'row')}, ${format}`],
      [
        'inputs',
        describeInputs(columns),
        ...leftOut.map(({ text }) => text),
        ...columns.flatMap((column) => describeNearlyNumbers(column, source)),
        ...fills.map(describeFill),
        ...columns.flatMap((column) => describeDoubts(column, counters)),
      ],
      [
        'target',
        `${target.name}: ${reason}`,
        ...(unlabelled === undefined ? [] : describeLeftOut(unlabelled, source.unit)),
      ],
    ],
  };
}

interface Settings {
  readonly columns: readonly string[];
  readonly categories: CategoryEncoding;
  readonly types: ReadTableOptions['types'];
  readonly missing: Readonly<Record<string, MissingPolicy>>;
}

function findColumn(
  path: string,
  found: readonly FoundColumn[],
  name: string,
  header: 'row' | 'none',
): FoundColumn {
  const column = found.find((each) => each.name === name);
  if (column !== undefined) return column;
  const names = found.map((each) => each.name);
  const looksLikeData = header === 'row' && names.some((each) => /^[+-]?[0-9.]+$/.test(each));
  const hint = looksLikeData
    ? '; the first line looks like data: if there is no header, give --no-header'
    : '';
  throw new GradloomError(
    'INVALID_OPTION',
    `${path}: has no column ${formatValue(name)}; ${suggest(name, names)}${hint}`,
  );
}

/** Also for gaps that only later data have: numbers become the mean, and a category none of the known ones. */
function policyFor(
  { kind, missing }: FoundColumn,
  { missing: chosen, categories }: TableDataOptions,
): MissingPolicy {
  if (chosen === 'error') return 'error';
  if (kind === 'number') return 'mean';
  return missing > 0 || categories === 'index' ? 'category' : 'zero';
}

/** Reads the rows with the target as what it is, and says why. */
async function readTarget(
  source: RowSource,
  target: FoundColumn,
  settings: Settings,
  asked: Task | 'auto',
): Promise<{ readonly dataset: Dataset; readonly task: Task; readonly reason: string }> {
  const read = (labelKind: 'class' | 'values') =>
    readTable(source, { ...NOTHING, ...settings, target: target.name, labelKind, unknown: 'missing' });
  if (asked === 'regression' || (asked === 'auto' && target.kind === 'number')) {
    const dataset = await read('values');
    const values = new Set(partsOf(dataset).labels ?? []);
    if (asked === 'regression' || !areClasses(values, dataset.length)) {
      if (values.size > 1) {
        const reason = `numbers of ${countOf(values.size, 'different value')}: regression`;
        return {
          dataset,
          task: 'regression',
          reason: asked === 'auto' ? `${reason} (--task classification if they are classes)` : reason,
        };
      }
      throw constantError(source, target, `${[...values][0]}`);
    }
  }
  const dataset = await read('class');
  const names = dataset.classNames ?? [];
  if (names.length < 2) throw constantError(source, target, names[0] ?? '');
  if (names.length > MAX_CATEGORIES || names.length * 2 > dataset.length) {
    throw new GradloomError(
      'INVALID_DATA',
      `${source.name}: the target ${formatValue(target.name)} has ${countOf(names.length, 'class', 'classes')} in ${countOf(dataset.length, 'row')}, ` +
        `too few rows of each to learn from; is this the right column? ${aboutAmounts(source, target)}`,
    );
  }
  const areFlags = names.every((name) => name === 'true' || name === 'false');
  const kind = target.kind === 'category' ? 'texts' : 'whole numbers';
  const why = areFlags ? 'true or false' : `${kind} of ${names.length} classes`;
  const hint =
    asked === 'auto' && target.kind === 'number' && !areFlags
      ? ' (--task regression if they are amounts)'
      : '';
  return {
    dataset,
    task: 'classification',
    reason: `${why}: classification${hint}; ${describeClasses(dataset)}`,
  };
}

function aboutAmounts(source: RowSource, target: FoundColumn): string {
  return target.firstText === undefined
    ? 'Numbers are predicted with --task regression'
    : `Amounts can be predicted, but ${textOf(target, source)} is no number; write such cells as plain numbers`;
}

/** Few whole numbers, each for several rows. */
export function areClasses(values: ReadonlySet<number>, rowCount: number): boolean {
  const areFew = values.size <= MAX_NUMBERED_CLASSES && values.size * 2 <= rowCount;
  return areFew && [...values].every(Number.isInteger);
}

const NOTHING: ReadTableOptions = {
  target: undefined,
  labelKind: undefined,
  columns: undefined,
  types: undefined,
  categories: undefined,
  missing: undefined,
  unknown: undefined,
  hash: undefined,
  like: undefined,
};

function constantError(source: RowSource, { name }: FoundColumn, value: string): GradloomError {
  return new GradloomError(
    'INVALID_DATA',
    `${source.name}: the target ${formatValue(name)} is ${formatValue(value)} in each row; there is nothing to tell apart`,
  );
}

export function describeClasses(dataset: Dataset): string {
  const counts = dataset.classCounts();
  const texts = counts.map((count, label) => `${dataset.classNames?.[label] ?? label} ${count}`);
  return shortList(texts);
}

/** The names of a file's columns, for who has not said which one to predict. */
export async function columnsOf(path: string, options: SourceOptions): Promise<readonly string[]> {
  const { columns, rows } = (await openTable(path, options)).source.open();
  for await (const _ of rows) break;
  return [...columns];
}

/** Rows for a model that was trained on a table. */
export function readLike(path: string, options: SourceOptions, like: Table): Promise<Dataset> {
  return readWatched(path, options, like, (source) =>
    readTable(source, { ...NOTHING, like, labelKind: 'none' }),
  );
}

/** The same with the target, of rows that have it; and what is to be said of others. */
export function readLabelledLike(
  path: string,
  options: SourceOptions,
  like: Table,
): Promise<{ readonly dataset: Dataset; readonly notes: readonly string[] }> {
  return readWatched(path, options, like, async (all) => {
    const { source, leftOut } = withTarget(all, like.targets[0]?.name ?? '');
    const dataset = await readTable(source, { ...NOTHING, like });
    return { dataset, notes: describeLeftOut(leftOut, source.unit) };
  });
}

async function readWatched<Read>(
  path: string,
  options: SourceOptions,
  like: Table,
  read: (source: RowSource) => Promise<Read>,
): Promise<Read> {
  const { source, describe } = watchCategories((await openTable(path, options)).source, like);
  const result = await read(source);
  for (const line of describe()) process.emitWarning(`${path}: ${line}`, { type: 'GradloomWarning' });
  return result;
}
