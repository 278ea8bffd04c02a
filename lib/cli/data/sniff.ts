/** How a text file is written: what stands between fields, before decimals and between thousands. */
import { openFile } from '../../formats/files.ts';

export interface Dialect {
  readonly delimiter: string;
  readonly decimal: '.' | ',';
  readonly thousands: ',' | '.' | undefined;
}

const SAMPLE_BYTES = 2 ** 16;
const DELIMITERS = [',', ';', '\t', '|'] as const;

/** The delimiter may be given. */
export async function sniff(path: string, given?: string): Promise<Dialect> {
  const bytes = await readStart(path);
  const lines = new TextDecoder()
    .decode(bytes)
    .split(/\r\n|\n|\r/)
    .filter((line) => line.trim() !== '');
  const [head = '', ...rest] = lines;
  const counts = DELIMITERS.map((delimiter) => outsideQuotes(head).split(delimiter).length - 1);
  const most = Math.max(...counts);
  const found = most > 0 ? (DELIMITERS[counts.indexOf(most)] as string) : isSplitBySpaces(lines) ? ' ' : ',';
  const delimiter = given ?? found;
  return {
    delimiter,
    ...signsOf(
      rest.flatMap((line) => fieldsOf(line, delimiter)),
      delimiter,
    ),
  };
}

/** Not one column of texts: each line has as many spaces. */
function isSplitBySpaces(lines: readonly string[]): boolean {
  const counts = new Set(lines.slice(0, 50).map((line) => outsideQuotes(line).split(' ').length - 1));
  return lines.length > 1 && counts.size === 1 && !counts.has(0);
}

function outsideQuotes(line: string): string {
  return line.replace(/"[^"]*"/g, '');
}

/** Those that are not empty, without their quotes. */
function fieldsOf(line: string, delimiter: string): string[] {
  const fields = new RegExp(`"([^"]*)"|[^"${delimiter.replace(/[\\\]^-]/g, '\\$&')}]+`, 'g');
  return [...line.matchAll(fields)].map(([field, quoted]) => (quoted ?? field).trim());
}

const BY_COMMA = /^[+-]?\d+,\d+$/;
const BY_POINT = /^[+-]?\d+\.\d+$/;
const COMMA_GROUPS = /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/;
const POINT_GROUPS = /^[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?$/;

/** `1,234` by itself may be either: it is of thousands where commas separate fields, or where points stand before decimals. */
function signsOf(fields: readonly string[], delimiter: string): Pick<Dialect, 'decimal' | 'thousands'> {
  const count = (pattern: RegExp, except?: RegExp) =>
    fields.filter((field) => pattern.test(field) && except?.test(field) !== true).length;
  const [commas, points] = [count(BY_COMMA, COMMA_GROUPS), count(BY_POINT, POINT_GROUPS)];
  const areThousands = delimiter === ',' || points > 0 || count(COMMA_GROUPS, BY_COMMA) > 0;
  if (commas === 0 && count(COMMA_GROUPS) > 0 && areThousands) return { decimal: '.', thousands: ',' };
  const isDecimal = commas > points || (points === 0 && count(BY_COMMA) > 0);
  const hasGroups = points === 0 && count(POINT_GROUPS, isDecimal ? undefined : BY_POINT) > 0;
  if (isDecimal || hasGroups) return { decimal: ',', thousands: hasGroups ? '.' : undefined };
  return { decimal: '.', thousands: undefined };
}

async function readStart(path: string): Promise<Uint8Array> {
  const file = await openFile(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(SAMPLE_BYTES), 0, SAMPLE_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
