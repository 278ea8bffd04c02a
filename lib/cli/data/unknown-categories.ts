/** Categories that a model was not trained on: they are taken for missing, and that is to be known. */
import { formatValue } from '../../core/options.ts';
import { isRefused, type Pass, type Row, type RowSource } from '../../datasets/encoding/rows.ts';
import type { Table } from '../../datasets/parts/table.ts';
import { countOf } from '../output.ts';

interface Watched {
  readonly name: string;
  readonly categories: ReadonlySet<string>;
  count: number;
  first: string;
}

/** The rows as they are, and a line for each column with unknown categories once they have been read. */
export function watchCategories(
  source: RowSource,
  { inputs }: Table,
): { readonly source: RowSource; readonly describe: () => readonly string[] } {
  const watched = inputs.flatMap((column): Watched[] =>
    column.kind === 'number'
      ? []
      : [{ name: column.name, categories: new Set(column.categories), count: 0, first: '' }],
  );
  const look = ({ line, cells }: Row, names: readonly string[]) => {
    for (const column of watched) {
      const cell = cells[names.indexOf(column.name)];
      if (cell === undefined || isRefused(cell) || column.categories.has(String(cell))) continue;
      if (column.count++ === 0) column.first = `${formatValue(cell)} in ${source.unit} ${line}`;
    }
  };
  async function* watch({ columns, rows }: Pass): AsyncGenerator<Row, void, void> {
    for await (const row of rows) {
      look(row, columns);
      yield row;
    }
  }
  const open = (): Pass => {
    const pass = source.open();
    return { columns: pass.columns, rows: watch(pass) };
  };
  const describe = () =>
    watched
      .filter(({ count }) => count > 0)
      .map(({ name, count, first }) => {
        const values = `${countOf(count, 'value')} that training had not ${count === 1 ? 'is' : 'are'}`;
        return `${name}: ${values} taken for missing, ${count === 1 ? '' : 'the first '}${first}`;
      });
  return { source: { ...source, open }, describe };
}
