/** Rows whose target is there. What has none can be predicted, but not learnt from. */
import { GradloomError } from '../../core/errors.ts';
import { formatValue } from '../../core/options.ts';
import type { Pass, Row, RowSource } from '../../datasets/encoding/rows.ts';
import { countOf, formatCount } from '../output.ts';

export interface LeftOut {
  /** In the last pass over the rows. */
  count: number;
  firstLine: number;
}

/** All rows where there is no such column, which readers say. */
export function withTarget(source: RowSource, target: string): { source: RowSource; leftOut: LeftOut } {
  const leftOut: LeftOut = { count: 0, firstLine: 0 };
  const open = (): Pass => {
    const { columns, rows } = source.open();
    leftOut.count = 0;
    return { columns, rows: filter(columns, rows) };
  };
  async function* filter(columns: Pass['columns'], rows: Pass['rows']): AsyncGenerator<Row, void, void> {
    let isEmpty = true;
    for await (const row of rows) {
      const place = columns.indexOf(target);
      if (place < 0 || row.cells[place] !== undefined) {
        isEmpty = false;
        yield row;
      } else if (leftOut.count++ === 0) leftOut.firstLine = row.line;
    }
    if (isEmpty && leftOut.count > 0) {
      throw new GradloomError(
        'INVALID_DATA',
        `${source.name}: the target ${formatValue(target)} holds no value at all; gradloom predict takes rows without it`,
      );
    }
  }
  return { source: { ...source, open }, leftOut };
}

export function describeLeftOut({ count, firstLine }: LeftOut, unit: string): readonly string[] {
  if (count === 0) return [];
  const which =
    count === 1 ? `in ${unit} ${formatCount(firstLine)}` : `the first in ${unit} ${formatCount(firstLine)}`;
  return [`${countOf(count, 'row')} without a target ${count === 1 ? 'is' : 'are'} left out, ${which}`];
}
