import { GradloomError } from '../../core/errors.ts';
import { buildDataset } from '../arrays/from-arrays.ts';
import { Dataset, type LabelKind, partsOf } from '../dataset.ts';
import type { RowSource } from '../encoding/rows.ts';
import { encodeRows } from '../encoding/table-encode.ts';
import { fitTable } from '../encoding/table-fit.ts';
import type { ReadTableOptions } from '../encoding/table-options.ts';
import type { Table } from '../parts/table.ts';
import { hashTable } from './hash-table.ts';

/** What a fitted table brings along and cannot be given again. */
const FITTED = ['target', 'columns', 'types', 'categories', 'missing'] as const;

/** Rows of any kind as a dataset `[features]`: fits a table or takes that of `like`, then reads the rows by it. */
export async function readTable(source: RowSource, given: ReadTableOptions): Promise<Dataset> {
  const labelKind = labelKindOf(source, given);
  const { hash } = given;
  if (hash !== undefined) return await hashTable(source, { ...given, hash }, labelKind);
  const like = given.like instanceof Dataset ? given.like.table : given.like;
  const table = like ?? (await fitTable(source, { ...given, labelKind }));
  const targets = labelKind === 'none' ? [] : table.targets;
  const encoded = await encodeRows(source, { ...table, targets, unknown: given.unknown ?? table.unknown });
  const dataset = buildDataset(source.operation, {
    inputs: encoded.inputs,
    inputShape: [table.featureNames.length],
    ...labelsOf(encoded.targets, labelKind, targets),
  });
  return new Dataset({ ...partsOf(dataset), table, gaps: encoded.gaps });
}

function labelKindOf({ operation }: RowSource, given: ReadTableOptions): Exclude<LabelKind, 'targets'> {
  const { like, target, labelKind } = given;
  const fail = (text: string) => new GradloomError('INVALID_OPTION', `${operation}: ${text}`);
  if (like !== undefined) {
    const doubled = FITTED.find((name) => given[name] !== undefined);
    if (doubled !== undefined) throw fail(`${doubled} comes with { like }; leave it out`);
    const kind = like instanceof Dataset ? (partsOf(like).labelKind as 'none') : labelKindOfTable(like);
    if (labelKind === 'none') return 'none';
    if (labelKind !== undefined && labelKind !== kind) {
      throw fail(`labelKind is "${kind}" in { like }; leave it out, or give "none" to read without labels`);
    }
    if (like instanceof Dataset && kind !== 'none' && like.table?.targets.length === 0) {
      throw fail(
        'the labels of { like } come from oneHot; give { labelKind: "none" }, or read like the dataset before',
      );
    }
    return kind;
  }
  if (target === undefined) {
    if (labelKind === undefined || labelKind === 'none') return 'none';
    throw fail(`labelKind "${labelKind}" needs a target, the name of a column`);
  }
  if (labelKind === 'none') throw fail('labelKind is "none", but there is a target; leave one of them out');
  return labelKind ?? (typeof target === 'string' ? 'class' : 'values');
}

function labelKindOfTable({ targets: [target] }: Table): Exclude<LabelKind, 'targets'> {
  if (target === undefined) return 'none';
  return target.kind === 'category' ? 'class' : 'values';
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
