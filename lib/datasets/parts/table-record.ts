/** Tables as plain data in files. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue, guardedBy, numberThat, oneOf, readOptions, required } from '../../core/options.ts';
import { type Column, MISSING_CATEGORY, makeTable, type Table } from './table.ts';

/** All but the report, which says what was found in one file. */
export function tableToRecord({ inputs, targets, unknown }: Table): object {
  return { inputs, targets, unknown };
}

const list = guardedBy('a list', (given): given is readonly unknown[] => Array.isArray(given));
const name = guardedBy('a string', (given): given is string => typeof given === 'string');
const mean = numberThat('a finite number', () => true);
const categories = guardedBy(
  'a list of different strings',
  (given): given is readonly string[] =>
    Array.isArray(given) &&
    given.length > 0 &&
    [...given].every((category) => typeof category === 'string') &&
    new Set(given).size === given.length,
);

const TABLE = {
  inputs: required(list),
  targets: required(list),
  unknown: required(oneOf('error', 'missing')),
};
const NUMBER = {
  name: required(name),
  kind: required(oneOf('number')),
  missing: required(oneOf('error', 'zero', 'mean')),
  mean: required(mean),
};
const CATEGORY = {
  name: required(name),
  kind: required(oneOf('category')),
  missing: required(oneOf('error', 'zero', 'category')),
  encoding: required(oneOf('oneHot', 'index')),
  categories: required(categories),
};

/** Throws `INVALID_OPTION` for anything but what `tableToRecord` gives. */
export function readTableRecord(given: unknown): Table {
  const { inputs, targets, unknown } = readOptions('table', given as object, TABLE);
  const columns = [inputs, targets].map((group, role) =>
    group.map((column, place) => readColumn(`${role === 0 ? 'inputs' : 'targets'}[${place}]`, column)),
  ) as [Column[], Column[]];
  const names = columns.flat().map((column) => column.name);
  const twin = names.find((item, place) => names.indexOf(item) !== place);
  if (twin !== undefined) throw recordError(`two columns have the name ${formatValue(twin)}`);
  return makeTable(...columns, { unknown, report: [] });
}

function readColumn(where: string, given: unknown): Column {
  const kind = (given as { readonly kind?: unknown } | null)?.kind;
  if (kind !== 'category') return readOptions(`table: ${where}`, given as object, NUMBER);
  const column = readOptions(`table: ${where}`, given as object, CATEGORY);
  const isConsistent =
    column.missing === 'category'
      ? column.categories.at(-1) === MISSING_CATEGORY
      : column.missing === 'error' || column.encoding === 'oneHot';
  if (isConsistent) return column;
  throw recordError(`${where}: missing "${column.missing}" does not fit its categories and encoding`);
}

function recordError(text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `table: ${text}`);
}
