/** Columns of numbers that only tell rows apart, as an id or the number of a row does. */
import type { RowSource } from '../../datasets/encoding/rows.ts';
import type { FoundColumn } from '../../datasets/encoding/table-scan.ts';

export interface RowNumbers {
  /** Named as an id, or not at all, with another whole number in each row. */
  readonly ids: ReadonlySet<string>;
  /** Others that count the rows up by one. */
  readonly counters: ReadonlySet<string>;
}

/** Fewer rows prove nothing. */
const MIN_ROWS = 20;
/** So many different numbers are taken for all different. */
const MAX_HELD = 2_000_000;

const ID_NAME = /^(unnamed: \d+|index|idx|nr|no|#|key)$|(^|[^a-z])(id|uuid|guid|row ?(nr|no|num|number)?)$/i;
/** `PassengerId`, `userID`. */
const ID_ENDING = /[a-z]I[dD]$/;

/** Names of columns without one in the header are their places. */
export async function findRowNumbers(
  source: RowSource,
  found: readonly FoundColumn[],
  header: 'row' | 'none',
): Promise<RowNumbers> {
  const isId = ({ name }: FoundColumn, place: number) =>
    ID_NAME.test(name) || ID_ENDING.test(name) || (header === 'row' && name === `column ${place + 1}`);
  let watched = found
    .map((column, place) => ({
      column,
      place,
      seen: isId(column, place) ? new Set<number>() : undefined,
      last: Number.NaN,
    }))
    .filter(({ column }) => column.kind === 'number' && column.missing === 0 && column.count >= MIN_ROWS);
  for await (const { cells } of source.open().rows) {
    watched = watched.filter((each) => {
      const cell = cells[each.place];
      const number = cell === undefined || typeof cell === 'object' ? undefined : source.numberOf(cell);
      if (number === undefined || !Number.isInteger(number)) return false;
      const isNext = Number.isNaN(each.last) || number === each.last + 1;
      each.last = number;
      if (each.seen === undefined) return isNext;
      if (each.seen.has(number)) return false;
      if (each.seen.size < MAX_HELD) each.seen.add(number);
      return true;
    });
    if (watched.length === 0) break;
  }
  const names = (areIds: boolean) =>
    watched.filter(({ seen }) => (seen !== undefined) === areIds).map(({ column }) => column.name);
  return { ids: new Set(names(true)), counters: new Set(names(false)) };
}
