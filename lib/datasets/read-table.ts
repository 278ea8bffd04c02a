import { GradloomError } from '../core/errors.ts';
import { Dataset, type LabelKind, partsOf } from './dataset.ts';
import { buildDataset } from './from-arrays.ts';
import type { RowSource, Table } from './table.ts';
import { encodeRows } from './table-encode.ts';
import { fitTable } from './table-fit.ts';
import type { ReadTableOptions } from './table-options.ts';

/** What a fitted table brings along and cannot be given again. */
const FITTED = ['target', 'columns', 'types', 'categories', 'missing'] as const;

/** Rows of any kind as a dataset `[features]`: fits a table or takes that of `like`, then reads the rows by it. */
export async function readTable(source: RowSource, given: ReadTableOptions): Promise<Dataset> {
  const { like, unknown } = given;
  const labelKind = labelKindOf(source, given);
  const table = like?.table ?? (await fitTable(source, { ...given, labelKind }));
  const targets = labelKind === 'none' ? [] : table.targets;
  const encoded = await encodeRows(source, { ...table, targets }, unknown);
  const dataset = buildDataset(source.operation, {
    inputs: encoded.inputs,
    inputShape: [table.featureNames.length],
    ...labelsOf(encoded.targets, labelKind, targets),
  });
  return new Dataset({ ...partsOf(dataset), table });
}

function labelKindOf({ operation }: RowSource, given: ReadTableOptions): LabelKind {
  const { like, target, labelKind } = given;
  const fail = (text: string) => new GradloomError('INVALID_OPTION', `${operation}: ${text}`);
  if (like !== undefined) {
    const doubled = FITTED.find((name) => given[name] !== undefined);
    if (doubled !== undefined) throw fail(`${doubled} comes with { like }; leave it out`);
    if (labelKind === undefined || labelKind === 'none') return labelKind ?? like.labelKind;
    if (labelKind === like.labelKind) return labelKind;
    throw fail(
      `labelKind is "${like.labelKind}" in { like }; leave it out, or give "none" to read without labels`,
    );
  }
  if (target === undefined) {
    if (labelKind === undefined || labelKind === 'none') return 'none';
    throw fail(`labelKind "${labelKind}" needs a target, the name of a column`);
  }
  if (labelKind === 'none') throw fail('labelKind is "none", but there is a target; leave one of them out');
  return labelKind ?? (typeof target === 'string' ? 'class' : 'values');
}

function labelsOf(
  targets: Float32Array,
  labelKind: LabelKind,
  columns: Table['targets'],
): Partial<Parameters<typeof buildDataset>[1]> {
  const [column] = columns;
  if (labelKind === 'none' || column === undefined) return {};
  if (column.kind === 'number') return { labels: targets, labelShape: [columns.length] };
  return { labels: Int32Array.from(targets), classNames: column.categories };
}
