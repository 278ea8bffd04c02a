/**
 * Rows in JSON (RFC 8259): an array of objects, or NDJSON, an object on each line. Values are scalars; what is nested is
 * checked and handed on as what it is called. A key that stands twice in a row is an error.
 */
import { formatValue } from '../core/options.ts';
import { lineError } from './format-error.ts';
import { JsonCursor } from './json-cursor.ts';
import { readLines, readText } from './utf8.ts';

/** Instead of an object or an array. */
export interface JsonNested {
  readonly refused: 'an object' | 'an array';
}

export type JsonValue = string | number | boolean | null | JsonNested;

export interface JsonRow {
  /** Where the row begins, from 1. */
  readonly line: number;
  readonly entries: readonly (readonly [key: string, value: JsonValue])[];
}

/** Holds one line at a time. Blank lines are skipped. */
export async function* readNdjsonRows(path: string): AsyncGenerator<JsonRow, void, void> {
  for await (const { line, text } of readLines(path)) {
    const cursor = new JsonCursor(text, (position, message) =>
      lineError(path, line, `character ${position + 1}: ${message}`),
    );
    if (cursor.next === '') continue;
    yield { line, entries: readRow(cursor) };
    cursor.expectEnd('behind the row; each row stands on a line of its own');
  }
}

/** Holds the file's text. */
export async function* readJsonRows(path: string): AsyncGenerator<JsonRow, void, void> {
  const text = await readText(path);
  const lines = new LineCounter(text);
  const cursor = new JsonCursor(text, (position, message) => {
    const start = text.lastIndexOf('\n', position - 1) + 1;
    return lineError(path, lines.at(position), `character ${position - start + 1}: ${message}`);
  });
  cursor.expect('[', 'at the start of an array of objects');
  if (!cursor.take(']')) {
    do yield { line: lines.at(cursor.position), entries: readRow(cursor) };
    while (cursor.take(','));
    cursor.expect(']', 'or "," behind a row');
  }
  cursor.expectEnd('behind the array');
}

function readRow(cursor: JsonCursor): JsonRow['entries'] {
  const entries: (readonly [string, JsonValue])[] = [];
  for (const key of cursor.keys('in a row, which is an object')) entries.push([key, readValue(cursor, key)]);
  return entries;
}

function readValue(cursor: JsonCursor, key: string): JsonValue {
  const where = `of ${formatValue(key)}`;
  switch (cursor.next) {
    case '"':
      return cursor.string(where);
    case '{':
      cursor.skip(where);
      return { refused: 'an object' };
    case '[':
      cursor.skip(where);
      return { refused: 'an array' };
    default:
      return cursor.word(where);
  }
}

/** The line of a place in a text; places that only grow are found in one pass. */
class LineCounter {
  readonly #text: string;
  #position = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  at(position: number): number {
    if (position < this.#position) return new LineCounter(this.#text).at(position);
    for (;;) {
      const end = this.#text.indexOf('\n', this.#position);
      if (end < 0 || end >= position) return this.#line;
      this.#position = end + 1;
      this.#line++;
    }
  }
}
