/** How a text file is written: what stands between fields, and what before decimals. */
import { open } from 'node:fs/promises';
import { fileNotFound, folderError, isSystemError } from '../formats/files.ts';

export interface Dialect {
  readonly delimiter: string;
  readonly decimal: '.' | ',';
}

const SAMPLE_BYTES = 2 ** 16;
const DELIMITERS = [',', ';', '\t', '|'] as const;

export async function sniff(path: string): Promise<Dialect> {
  const bytes = await readStart(path);
  const lines = new TextDecoder()
    .decode(bytes)
    .split(/\r\n|\n|\r/)
    .filter((line) => line.trim() !== '');
  const [head = '', ...rest] = lines;
  const counts = DELIMITERS.map((delimiter) => outsideQuotes(head).split(delimiter).length - 1);
  const most = Math.max(...counts);
  const delimiter =
    most > 0 ? (DELIMITERS[counts.indexOf(most)] as string) : isSplitBySpaces(lines) ? ' ' : ',';
  return { delimiter, decimal: delimiter === ',' ? '.' : decimalOf(rest, delimiter) };
}

/** Not one column of texts: each line has as many spaces. */
function isSplitBySpaces(lines: readonly string[]): boolean {
  const counts = new Set(lines.slice(0, 50).map((line) => outsideQuotes(line).split(' ').length - 1));
  return lines.length > 1 && counts.size === 1 && !counts.has(0);
}

function outsideQuotes(line: string): string {
  return line.replace(/"[^"]*"/g, '');
}

function decimalOf(lines: readonly string[], delimiter: string): '.' | ',' {
  const fields = lines.flatMap((line) =>
    outsideQuotes(line)
      .split(delimiter)
      .map((field) => field.trim()),
  );
  const withComma = fields.filter((field) => /^[+-]?\d+,\d+$/.test(field)).length;
  const withPoint = fields.filter((field) => /^[+-]?\d+\.\d+$/.test(field)).length;
  return withComma > withPoint ? ',' : '.';
}

async function readStart(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(new Uint8Array(SAMPLE_BYTES), 0, SAMPLE_BYTES, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) throw fileNotFound(path, error);
    if (isSystemError(error, 'EISDIR')) throw folderError(path);
    throw error;
  }
}
