import { optional, readOptions, readValue, text } from '../../core/options.ts';
import { absentColumnError } from '../encoding/table-errors.ts';
import { noRowsError } from '../encoding/table-fit.ts';
import { columnNames } from '../encoding/table-options.ts';
import { type CsvFormatOptions, csvSource, RECORD_OPTIONS } from './csv.ts';

export interface ReadCsvOptions<Name extends string = string>
  extends Pick<CsvFormatOptions, 'header' | 'delimiter' | 'quote'> {
  /** Those to read. Default: all. */
  readonly columns?: readonly Name[];
}

const OPTIONS = { ...RECORD_OPTIONS, columns: optional(columnNames) };

/** Every field is a text as it stands. */
const AS_TEXT = { decimal: '.', thousands: undefined, missingMarks: [] } as const;

/**
 * The rows of a CSV file (UTF-8) as objects of texts by the names of columns, for functions that take lists: users and
 * items, texts and their labels. `csv` makes a dataset of such a file instead.
 *
 * Numbers are texts, too, and an empty field is `''`. Blanks around fields are dropped, blank lines are skipped.
 *
 * @example
 * const ratings = await readCsv('ratings.csv', { columns: ['user', 'film', 'rating'] });
 * const liked = ratings.filter(({ rating }) => Number(rating) >= 4);
 * await recommender({ users: liked.map(({ user }) => user), items: liked.map(({ film }) => film) });
 *
 * Throws `FILE_NOT_FOUND`; `FILE_FORMAT` with the line for quotes that do not match, a wrong number of fields, equal
 * names and no rows; `INVALID_OPTION` for a column that the file has not.
 */
export async function readCsv<const Name extends string = string>(
  path: string,
  options: ReadCsvOptions<Name> = {},
): Promise<Record<Name, string>[]> {
  readValue('readCsv', 'path', path, text);
  const { columns: wanted, ...format } = readOptions('readCsv', options, OPTIONS);
  const source = { ...csvSource(path, { ...format, ...AS_TEXT }), operation: 'readCsv' };
  const { columns, rows } = source.open();
  const placeOf = (name: string) => {
    const place = columns.indexOf(name);
    if (place < 0) throw absentColumnError(source, 'columns', name, columns);
    return place;
  };
  let places: (readonly [string, number])[] | undefined;
  const objects: Record<Name, string>[] = [];
  for await (const { cells } of rows) {
    // The columns are known from the first row on.
    places ??= (wanted ?? columns).map((name) => [name, placeOf(name)]);
    const fields = places.map(([name, place]) => [name, cells[place]]);
    objects.push(Object.fromEntries(fields) as Record<Name, string>);
  }
  if (objects.length === 0) throw noRowsError(source);
  return objects;
}
