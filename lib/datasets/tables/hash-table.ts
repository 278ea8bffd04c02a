/** Rows of a table as sparse samples of hashed features, in one pass and without a list of categories. */
import { GradloomError } from '../../core/errors.ts';
import { boolean, formatValue, integer, optional, readOptions, withDefault } from '../../core/options.ts';
import { crossEntries, featureOf, type HashedEntry } from '../../text/feature-hash.ts';
import { hashText } from '../../text/murmur-hash.ts';
import { buildSparse } from '../arrays/from-sparse.ts';
import type { Dataset, LabelKind } from '../dataset.ts';
import {
  type Cell,
  type CellValue,
  isRefused,
  type Row,
  type RowSource,
  subjectOf,
} from '../encoding/rows.ts';
import {
  absentColumnError,
  cellError,
  missingError,
  numberError,
  refusedError,
} from '../encoding/table-errors.ts';
import { noRowsError } from '../encoding/table-fit.ts';
import type { HashOptions, ReadTableOptions } from '../encoding/table-options.ts';
import { isFloat32 } from '../parts/preprocessing.ts';
import { crosses } from '../sparse/crosses.ts';
import { SparseRowsBuilder } from '../sparse/sparse-rows-builder.ts';
import { classesOf } from '../values/label-names.ts';
import { classNames } from '../values/labels.ts';

const OPTIONS = {
  features: withDefault(integer(1, 2 ** 31), 2 ** 18),
  signed: withDefault(boolean, true),
  crosses: withDefault(crosses('columns'), []),
  classNames: optional(classNames),
};

/** What needs a look at all rows first. */
const FITTED = ['like', 'categories', 'missing', 'unknown'] as const;

export async function hashTable(
  source: RowSource,
  given: ReadTableOptions & { readonly hash: HashOptions },
  labelKind: LabelKind,
): Promise<Dataset> {
  const settings = readSettings(source, given, labelKind);
  const { features, targets, classNames } = settings;
  const builder = new SparseRowsBuilder();
  const labels: CellValue[] = [];
  const lines: number[] = [];
  const { columns, rows } = source.open();
  for await (const row of rows) {
    if (lines.length === 0 && source.fixedColumns) checkColumns(source, settings, columns);
    addRow(builder, source, settings, columns, row);
    for (const name of targets) {
      labels.push(labelOf(source, row.line, name, row.cells[columns.indexOf(name)], labelKind === 'values'));
    }
    lines.push(row.line);
  }
  if (lines.length === 0) throw noRowsError(source);
  checkColumns(source, settings, columns);
  return buildSparse(source.operation, {
    features,
    inputs: builder.taken(),
    labelKind,
    ...(labelKind === 'class'
      ? classesOf(labels.map(String), classNames, (row) => `${source.name}: ${source.unit} ${lines[row]}`)
      : {
          labels: labelKind === 'values' ? Float32Array.from(labels as number[]) : undefined,
          labelShape: labelKind === 'values' ? [targets.length] : undefined,
          classNames,
        }),
  });
}

interface Settings {
  readonly features: number;
  readonly signed: boolean;
  readonly crosses: readonly (readonly string[])[];
  readonly classNames: readonly string[] | undefined;
  readonly targets: readonly string[];
  readonly columns: readonly string[] | undefined;
  readonly types: Readonly<Record<string, string>>;
  readonly isInput: (name: string) => boolean;
}

function readSettings(
  { operation }: RowSource,
  { hash, target, columns, types = {}, ...fitted }: ReadTableOptions & { readonly hash: HashOptions },
  labelKind: LabelKind,
): Settings {
  const fail = (text: string) => new GradloomError('INVALID_OPTION', `${operation}: ${text}`);
  const settings = readOptions(`${operation}: hash`, hash, OPTIONS);
  const doubled = FITTED.find((name) => fitted[name] !== undefined);
  if (doubled !== undefined) {
    throw fail(`${doubled} does not go with hash, which fits nothing to the rows; leave one of the two out`);
  }
  const targets = target === undefined ? [] : typeof target === 'string' ? [target] : target;
  if (labelKind === 'class' && typeof target !== 'string') {
    throw fail('a list of targets needs labelKind "values"; name one column for classes');
  }
  const both = columns?.find((name) => targets.includes(name));
  if (both !== undefined) throw fail(`columns must not hold the target ${formatValue(both)}`);
  const isInput = (name: string) => !targets.includes(name) && (columns?.includes(name) ?? true);
  const unread = settings.crosses.flat().find((name) => !isInput(name));
  if (unread !== undefined) {
    throw fail(`hash: crosses names ${formatValue(unread)}, which is not among the input columns`);
  }
  return { ...settings, targets, columns, types, isInput };
}

/** That all columns exist which options name. */
function checkColumns(
  source: RowSource,
  { targets, columns = [], types, crosses, isInput }: Settings,
  found: readonly string[],
): void {
  const named = { target: targets, columns, types: Object.keys(types), crosses: crosses.flat() };
  for (const [option, names] of Object.entries(named)) {
    const absent = names.find((name) => !found.includes(name));
    if (absent !== undefined) throw absentColumnError(source, option, absent, found);
  }
  if (found.some(isInput)) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `${source.operation}: ${subjectOf(source)} has no column for the inputs`,
  );
}

function addRow(
  builder: SparseRowsBuilder,
  source: RowSource,
  { features, signed, crosses, types, isInput }: Settings,
  columns: readonly string[],
  { line, cells }: Row,
): void {
  const entries = new Map<string, readonly HashedEntry[]>();
  for (const [place, name] of columns.entries()) {
    if (isInput(name))
      entries.set(name, hashCell(source, line, name, cells[place], types[name] === 'number'));
  }
  const crossed = crosses.map((names) => crossEntries(names.map((name) => entries.get(name) ?? [])));
  for (const list of [...entries.values(), ...crossed]) {
    for (const { hash, value } of list) {
      builder.add(featureOf(hash, features), signed && hash < 0 ? -value : value);
    }
  }
  builder.endSample(source.name, line);
}

/** No entry where the value is missing. */
function hashCell(
  source: RowSource,
  line: number,
  name: string,
  cell: Cell,
  isNumber: boolean,
): readonly HashedEntry[] {
  if (cell === undefined) return [];
  if (isRefused(cell)) throw refusedError(source, line, name, cell);
  if (!isNumber) return [{ hash: hashText(`${name}=${cell}`), value: 1 }];
  return [{ hash: hashText(name), value: numberOf(source, line, name, cell) }];
}

function labelOf(source: RowSource, line: number, name: string, cell: Cell, isNumber: boolean): CellValue {
  if (cell === undefined) throw missingError(source, line, name, 'target');
  if (isRefused(cell)) throw refusedError(source, line, name, cell);
  return isNumber ? numberOf(source, line, name, cell) : cell;
}

function numberOf(source: RowSource, line: number, name: string, cell: CellValue): number {
  const number = source.numberOf(cell);
  if (number === undefined) throw numberError(source, line, name, cell);
  if (isFloat32(number)) return number;
  throw cellError(source, line, name, `${formatValue(cell)} is not finite as float32; rescale or drop it`);
}
