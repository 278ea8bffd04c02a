/** Files of rows, by their endings. */
import { statSync } from 'node:fs';
import { extname } from 'node:path';
import { GradloomError } from '../../core/errors.ts';
import type { RowSource } from '../../datasets/encoding/rows.ts';
import { csvSource, MISSING_MARKS } from '../../datasets/tables/csv.ts';
import { jsonSource } from '../../datasets/tables/json.ts';
import { readJsonRows, readNdjsonRows } from '../../formats/json-rows.ts';
import { sniff } from './sniff.ts';

export interface SourceOptions {
  readonly delimiter?: string | undefined;
  readonly header: 'row' | 'none';
}

export interface FoundSource {
  readonly source: RowSource;
  /** How the file is read, for people. */
  readonly format: string;
}

/** Many published tables have a question mark where a value is missing. */
const MARKS = [...MISSING_MARKS, '?'];

const NAMES: Readonly<Record<string, string>> = {
  ',': 'commas',
  ';': 'semicolons',
  '\t': 'tabs',
  '|': 'bars',
  ' ': 'spaces',
  '.': 'points',
};

export async function openTable(path: string, options: SourceOptions): Promise<FoundSource> {
  checkFile(path);
  const ending = extname(path).toLowerCase();
  if (ending === '.json')
    return { source: jsonSource('json', { path, read: readJsonRows, missingMarks: [''] }), format: 'JSON' };
  if (ending === '.ndjson' || ending === '.jsonl') {
    return {
      source: jsonSource('ndjson', { path, read: readNdjsonRows, missingMarks: [''] }),
      format: 'NDJSON',
    };
  }
  const found = await sniff(path, options.delimiter);
  const { delimiter } = found;
  const { header } = options;
  const source = csvSource(path, {
    header,
    delimiter,
    quote: '"',
    decimal: found.decimal,
    thousands: found.thousands,
    missingMarks: MARKS,
  });
  const decimals = found.decimal === ',' ? ', decimal commas' : '';
  const thousands = found.thousands === undefined ? '' : `, thousands by ${NAMES[found.thousands]}`;
  const heading = header === 'row' ? '' : ', no header';
  return {
    source,
    format: `CSV with ${NAMES[delimiter] ?? JSON.stringify(delimiter)}${decimals}${thousands}${heading}`,
  };
}

/** Rows are read more than once: to find what the columns are, and to learn from them. */
function checkFile(path: string): void {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined || status.isFile() || status.isDirectory()) return;
  throw new GradloomError(
    'INVALID_OPTION',
    `${path}: is no file but a pipe or a device, and rows are read more than once; write them to a file first`,
  );
}
