/**
 * CSV as RFC 4180 has it and as it is found: any delimiter, LF, CRLF or CR, a byte order mark, quoted fields with line
 * breaks, blank lines, blanks around fields. The package csv-parse finds the fields; it is loaded when it is first
 * needed.
 */
import { pipeline, Readable } from 'node:stream';
import { GradloomError } from '../core/errors.ts';
import { readUtf8 } from './utf8.ts';

export interface CsvFormat {
  readonly delimiter: string;
  /** undefined: a quote is a character like any other. */
  readonly quote: string | undefined;
}

export interface CsvRecord {
  /** Where the record begins, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

/** A quote that is never closed would swallow the rest of the file, however long that is. */
const MAX_RECORD_BYTES = 2 ** 24;

/** The records of a file, one after another as they are read; blank lines are left out. */
export async function* readCsvRecords(
  path: string,
  format: CsvFormat,
): AsyncGenerator<CsvRecord, void, void> {
  const { parse } = await import('csv-parse');
  // Where the record begins that is parsed next: the parser is ahead of the loop below.
  let line = 1;
  const parser = parse({
    bom: true,
    delimiter: format.delimiter,
    quote: format.quote ?? false,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    trim: true,
    max_record_size: MAX_RECORD_BYTES,
    // Its types know no records but lists of fields.
    on_record: (fields: string[]): never => {
      const record = { line, fields };
      // Counted here: csv-parse takes a CRLF within quotes for two lines.
      line += fields.reduce((sum, field) => sum + countBreaks(field), 1);
      return (fields.length > 1 || fields[0] !== '' ? record : undefined) as never;
    },
  });
  // What goes wrong reaches the loop below, since a pipeline destroys all its streams with the error.
  pipeline(Readable.from(readUtf8(path)), parser, () => {});
  try {
    yield* parser as AsyncIterable<CsvRecord>;
  } catch (error) {
    throw csvError(path, line, format, error);
  } finally {
    parser.destroy();
  }
}

function countBreaks(field: string): number {
  return field.includes('\n') || field.includes('\r') ? (field.match(/\r\n|\n|\r/g)?.length ?? 0) : 0;
}

/** What each error code of csv-parse says of a file. */
function faultsOf({ delimiter }: CsvFormat): Readonly<Record<string, string>> {
  return {
    CSV_QUOTE_NOT_CLOSED: 'a quote is opened in the record that begins here and never closed',
    CSV_INVALID_CLOSING_QUOTE:
      'a closing quote must be followed by a delimiter or the end of the line; within quotes a quote is written twice',
    INVALID_OPENING_QUOTE: `a quote stands within a field that does not begin with one; check the delimiter (${JSON.stringify(delimiter)}), quote the whole field, or give quote: "none"`,
    CSV_MAX_RECORD_SIZE: `the record that begins here exceeds ${MAX_RECORD_BYTES} bytes; is a quote not closed?`,
  };
}

function csvError(path: string, line: number, format: CsvFormat, error: unknown): unknown {
  const { code } = error as { readonly code?: unknown };
  const faults = faultsOf(format);
  const fault = typeof code === 'string' && Object.hasOwn(faults, code) ? faults[code] : undefined;
  if (fault === undefined) return error;
  return new GradloomError('FILE_FORMAT', `${path}: line ${line}: ${fault}`, { cause: error });
}
