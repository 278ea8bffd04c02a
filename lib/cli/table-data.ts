/** A table as data to train on: which columns are used and how, what the target is. All that is decided here is said. */
import { GradloomError } from '../core/errors.ts';
import { formatValue, listOf, suggest } from '../core/options.ts';
import { type Dataset, partsOf } from '../datasets/dataset.ts';
import { readTable } from '../datasets/read-table.ts';
import type { CategoryEncoding, MissingPolicy, RowSource } from '../datasets/table.ts';
import type { ReadTableOptions } from '../datasets/table-options.ts';
import { type FoundColumn, scanTable } from '../datasets/table-scan.ts';
import { countOf } from './output.ts';
import { findRowNumbers } from './row-ids.ts';
import { openTable, type SourceOptions } from './table-source.ts';

export type Task = 'classification' | 'regression';

export interface TableDataOptions extends SourceOptions {
  readonly target: string;
  readonly task: Task | 'auto';
  readonly ignore: readonly string[];
  readonly keep: readonly string[];
  /** Columns of numbers that are names, such as zip codes. */
  readonly named: readonly string[];
  /** `'auto'` fills, `'error'` refuses. */
  readonly missing: 'auto' | 'error';
  /** Values for a network of one input, or ids for tables of vectors. */
  readonly categories: CategoryEncoding;
}

export interface TrainingData {
  readonly dataset: Dataset;
  readonly task: Task;
  /** What was found and decided, by heading. */
  readonly notes: readonly (readonly [heading: string, ...lines: string[]])[];
}

/** Texts that are nearly all different tell rows apart, not kinds of rows. */
const MIN_TEXTS = 20;
const MAX_SHARE_OF_TEXTS = 0.5;
const MAX_CATEGORIES = 1000;
/** Whole numbers of so few values are taken for classes. */
const MAX_NUMBERED_CLASSES = 20;

export async function readTrainingTable(path: string, options: TableDataOptions): Promise<TrainingData> {
  const { source, format } = await openTable(path, options);
  const types = Object.fromEntries(options.named.map((name) => [name, 'category' as const]));
  const { found, rowCount } = await scanTable(
    source,
    (name) => !options.ignore.includes(name),
    new Map(Object.entries(types)),
  );
  if (rowCount === 0) {
    throw new GradloomError('FILE_FORMAT', `${path}: has no line of data below its header`);
  }
  if (rowCount === 1)
    throw new GradloomError('INVALID_DATA', `${path}: has 1 row, which is nothing to learn from`);
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
      ['target', `${target.name}: ${reason}`],
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

function reasonToLeaveOut(
  column: FoundColumn,
  ids: ReadonlySet<string>,
  { keep, categories: encoding }: TableDataOptions,
  source: RowSource,
): { readonly name: string; readonly text: string }[] {
  const { name, kind, count, categories, firstText } = column;
  if (count === 0) return [{ name, text: `${name} is empty and left out` }];
  if (ids.has(name) && !keep.includes(name)) {
    const text = `${name} is left out: another whole number in each of ${countOf(count, 'row')}, an id (--keep ${formatName(name)} uses it)`;
    return [{ name, text }];
  }
  const { size } = categories;
  const areDates = DATE.test(firstText?.text ?? '');
  const isText = size === count || (size >= MIN_TEXTS && (areDates || size > count * MAX_SHARE_OF_TEXTS));
  const tooMany = encoding === 'oneHot' && size > MAX_CATEGORIES;
  if (kind === 'number' || !(isText || tooMany) || (keep.includes(name) && !tooMany)) return [];
  const way = tooMany ? '' : ` (--keep ${formatName(name)} takes it as categories)`;
  const found = `${countOf(size, 'different text')} in ${countOf(count, 'row')}`;
  const example = `such as ${formatValue(firstText?.text)}`;
  const why = areDates
    ? `${found}, dates ${example}; to learn from them, make columns of numbers of them, such as the month${way}`
    : areNearlyNumbers(column, source)
      ? `${found}, since ${textOf(column, source)} is no number as the others are; mend or empty such cells`
      : `${found}, ${example}${way}`;
  return [{ name, text: `${name} is left out: ${why}` }];
}

/** `2024-05-31`, `31.5.2024`, `5/31/24 12:00`. */
const DATE = /^\d{1,4}([-/.])\d{1,2}\1\d{1,4}(\D|$)/;

function areNearlyNumbers({ categories }: FoundColumn, source: RowSource): boolean {
  const numbers = [...categories].filter((text) => source.numberOf(text) !== undefined);
  return numbers.length * 2 > categories.size;
}

/** Amounts of money, and shares. */
const WITH_SIGN = /^[$€£¥]\s?[+-]?[\d.,]+$|^[+-]?[\d.,]+\s?[$€£¥%]$/;

function textOf({ firstText }: FoundColumn, { unit }: RowSource): string {
  return `${formatValue(firstText?.text)} in ${unit} ${firstText?.line}`;
}

function describeNearlyNumbers(column: FoundColumn, source: RowSource): readonly string[] {
  const { kind, firstText, categories } = column;
  if (kind === 'number' || firstText === undefined) return [];
  if ([...categories].every((text) => WITH_SIGN.test(text))) {
    return [
      `${column.name} is taken for categories for its signs, as in ${textOf(column, source)}; plain numbers would be amounts`,
    ];
  }
  if (!areNearlyNumbers(column, source)) return [];
  return [
    `${column.name} is taken for categories, since ${textOf(column, source)} is no number as most others are; mend or empty such cells`,
  ];
}

/** Numbers that may be none to learn from, or names. */
function describeDoubts({ name, kind }: FoundColumn, counters: ReadonlySet<string>): readonly string[] {
  if (kind !== 'number') return [];
  if (counters.has(name)) return [`${name} counts the rows; --ignore ${formatName(name)} leaves it out`];
  if (!CODE_NAME.test(name)) return [];
  return [`${name} is taken for an amount; --categories ${formatName(name)} takes its numbers for names`];
}

const CODE_NAME = /(^|[^a-z])(zip|plz|postal|post)?[ _-]?code$|^(zip|plz|postal)|[a-z]Code$/i;

/** Also for gaps that only later data have: numbers become the mean, and a category none of the known ones. */
function policyFor(
  { kind, missing }: FoundColumn,
  { missing: chosen, categories }: TableDataOptions,
): MissingPolicy {
  if (chosen === 'error') return 'error';
  if (kind === 'number') return 'mean';
  return missing > 0 || categories === 'index' ? 'category' : 'zero';
}

function describeFill({ name, kind, missing }: FoundColumn): string {
  const fill = kind === 'number' ? 'filled with its mean' : 'taken for a category of their own';
  return `${name}: ${countOf(missing, 'missing value')} ${fill}`;
}

const MAX_LISTED = 8;

function describeInputs(columns: readonly FoundColumn[]): string {
  const texts = columns.map(({ name, kind, categories }) =>
    kind === 'number' ? name : `${name} (${countOf(categories.size, 'category', 'categories')})`,
  );
  const rest = texts.length - MAX_LISTED;
  return listOf(rest > 4 ? [...texts.slice(0, MAX_LISTED), `${rest} more`] : texts);
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
  const rest = texts.length - MAX_LISTED;
  return listOf(rest > 4 ? [...texts.slice(0, MAX_LISTED), `${rest} more`] : texts);
}

/** A name as a shell takes it. */
function formatName(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", String.raw`'\''`)}'`;
}

/** The names of a file's columns, for who has not said which one to predict. */
export async function columnsOf(path: string, options: SourceOptions): Promise<readonly string[]> {
  const { columns, rows } = (await openTable(path, options)).source.open();
  for await (const _ of rows) break;
  return [...columns];
}

/** Rows for a model that was trained on a table; their labels too, where they are asked for. */
export async function readLike(
  path: string,
  options: SourceOptions,
  like: Pick<ReadTableOptions, 'like' | 'labelKind'>,
): Promise<Dataset> {
  const { source } = await openTable(path, options);
  return readTable(source, { ...NOTHING, ...like });
}
