import { GradloomError } from '../../core/errors.ts';
import { formatValue, listOf } from '../../core/options.ts';
import { type Column, MISSING_CATEGORY, makeTable, type Table } from '../parts/table.ts';
import { sortedNames } from '../values/label-names.ts';
import { type RowReading, type RowSource, subjectOf } from './rows.ts';
import { absentColumnError, cellError, missingError } from './table-errors.ts';
import { type ReadTableOptions, valueFor } from './table-options.ts';
import { type ColumnType, type FoundColumn, originOf, scanTable } from './table-scan.ts';

/** One-hot columns of more categories would make samples that are nearly all zeros. */
const MAX_ONE_HOT = 1000;

/** Reads all rows to find what each used column holds. */
export async function fitTable(source: RowSource, options: ReadTableOptions): Promise<Table> {
  const targets = targetsOf(source, options);
  const { columns, types = {} } = options;
  for (const name of targets) {
    if (!columns?.includes(name)) continue;
    throw optionError(source, `columns must not hold the target ${formatValue(name)}`);
  }
  const isUsed = (name: string) => targets.includes(name) || (columns?.includes(name) ?? true);
  const declared = new Map<string, ColumnType>(Object.entries(types));
  for (const name of targets) declared.set(name, options.labelKind === 'values' ? 'number' : 'category');
  const { found, rowCount } = await scanTable(source, isUsed, declared);
  if (rowCount === 0) throw noRowsError(source);

  const byName = new Map(found.map((column) => [column.name, column]));
  const find = (option: string) => (name: string) => {
    const column = byName.get(name);
    if (column !== undefined) return column;
    throw absentColumnError(source, option, name, [...byName.keys()]);
  };
  for (const option of ['types', 'missing', 'categories'] as const) {
    const given = options[option];
    if (typeof given === 'object') Object.keys(given).forEach(find(option));
  }
  const inputs = (columns ?? found.map(({ name }) => name).filter((name) => !targets.includes(name)))
    .map(find('columns'))
    .filter(({ count }) => columns !== undefined || count > 0);
  if (inputs.length === 0) {
    const empty = found.filter(({ count }) => count === 0).map(({ name }) => formatValue(name));
    const reason = empty.length > 0 ? `: no value is in ${listOf(empty)}` : '';
    throw optionError(source, `${subjectOf(source)} has no column for the inputs${reason}`);
  }
  const targetColumns = targets.map(find('target'));
  checkMissing(source, options, inputs, targetColumns);
  const fitted = inputs.map((column) => fitColumn(source, options, column));
  return makeTable(fitted, targetColumns.map(fitTarget), {
    unknown: options.unknown ?? 'error',
    report: found.filter(({ name }) => isUsed(name)).map((column) => reportOf(source, column)),
  });
}

export function noRowsError(source: RowReading): GradloomError {
  const isFile = source.name !== source.operation;
  return new GradloomError(
    isFile ? 'FILE_FORMAT' : 'INVALID_DATA',
    `${source.name}: ${isFile ? `has no ${source.unit} of data` : `got no ${source.unit}s`}`,
  );
}

function targetsOf(source: RowSource, { target, labelKind }: ReadTableOptions): readonly string[] {
  if (target === undefined) return [];
  if (typeof target === 'string') return [target];
  if (labelKind === 'values') return target;
  throw optionError(source, 'a list of targets needs labelKind "values"; name one column for classes');
}

/** The earliest value that is missing where none may be. */
function checkMissing(
  source: RowSource,
  options: ReadTableOptions,
  inputs: readonly FoundColumn[],
  targets: readonly FoundColumn[],
): void {
  const strict = inputs.filter(({ name }) => valueFor(options.missing ?? 'error', name, 'error') === 'error');
  const [first] = [...strict, ...targets]
    .filter(({ firstMissing }) => firstMissing !== undefined)
    .sort((a, b) => (a.firstMissing as number) - (b.firstMissing as number));
  if (first === undefined) return;
  const role = targets.includes(first) ? 'target' : 'input';
  throw missingError(source, first.firstMissing as number, first.name, role);
}

function fitColumn(source: RowSource, options: ReadTableOptions, found: FoundColumn): Column {
  const { name, kind, mean, count } = found;
  const policy = valueFor(options.missing ?? 'error', name, 'error');
  const line = found.firstMissing ?? 0;
  if (kind === 'number') {
    if (policy === 'category') {
      if (found.missing === 0) return Object.freeze({ name, kind, missing: 'error', mean });
      throw cellError(
        source,
        line,
        name,
        'the value is missing, and a column of numbers has no categories; fill it with "mean" or "zero"',
      );
    }
    if (policy === 'mean' && count === 0)
      throw cellError(source, line, name, 'no value is there to take a mean of');
    return Object.freeze({ name, kind, missing: policy, mean });
  }
  const encoding = valueFor(options.categories ?? 'oneHot', name, 'oneHot');
  if (policy === 'mean' || (policy === 'zero' && encoding === 'index')) {
    if (found.missing > 0) {
      const what = policy === 'mean' ? 'categories have no mean' : 'index 0 is a category';
      throw cellError(
        source,
        line,
        name,
        `the value is missing, and ${what}; give { missing: { ${formatValue(name)}: "category" } }`,
      );
    }
    return Object.freeze({ name, kind, encoding, missing: 'error', categories: sortedCategories(found) });
  }
  const categories = sortedCategories(found, policy === 'category' ? [MISSING_CATEGORY] : []);
  if (encoding === 'oneHot' && categories.length > MAX_ONE_HOT) {
    throw new GradloomError(
      'INVALID_DATA',
      `${source.name}: column ${formatValue(name)}: has ${categories.length} categories, more than the ${MAX_ONE_HOT} of a ` +
        `one-hot column${originOf(source, found)}; leave it out by { columns }, or give { categories: { ${formatValue(name)}: "index" } }`,
    );
  }
  return Object.freeze({ name, kind, encoding, missing: policy, categories });
}

function fitTarget(found: FoundColumn): Column {
  const { name, kind, mean } = found;
  return Object.freeze(
    kind === 'number'
      ? { name, kind, missing: 'error', mean }
      : { name, kind, missing: 'error', encoding: 'index', categories: sortedCategories(found) },
  );
}

function sortedCategories({ categories }: FoundColumn, last: readonly string[] = []): readonly string[] {
  const names = [...categories].filter((name) => !last.includes(name));
  return Object.freeze([...sortedNames(names), ...last]);
}

function reportOf(source: RowSource, column: FoundColumn): string {
  const { name, kind, count, missing, categories } = column;
  const type =
    count === 0 ? 'empty, left out' : kind === 'number' ? 'numbers' : `${categories.size} categories`;
  const gaps = missing > 0 ? `, ${missing} missing` : '';
  const origin =
    column.firstText === undefined
      ? ''
      : ` (${source.unit} ${column.firstText.line} holds ${formatValue(column.firstText.text)})`;
  return `${name}: ${type}${gaps}${origin}`;
}

function optionError(source: RowSource, text: string): GradloomError {
  return new GradloomError('INVALID_OPTION', `${source.operation}: ${text}`);
}
