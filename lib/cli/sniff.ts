/** How a text file is written: what stands between fields, what before decimals, or why it is no text at all. */
import { open } from 'node:fs/promises';
import { GradloomError } from '../core/errors.ts';
import { fileNotFound, folderError, isSystemError } from '../formats/files.ts';

export interface Dialect {
  readonly delimiter: string;
  readonly decimal: '.' | ',';
}

const SAMPLE_BYTES = 2 ** 16;
const DELIMITERS = [',', ';', '\t', '|'] as const;

/** What begins like this was saved as something else. */
const SIGNATURES: readonly (readonly [bytes: readonly number[], remedy: string])[] = [
  [[0x50, 0x4b, 0x03, 0x04], 'is a spreadsheet or a zip archive; save the sheet as CSV (UTF-8)'],
  [[0x1f, 0x8b], 'is compressed; unpack it with gunzip'],
  [[0xff, 0xfe], 'is UTF-16; convert it with: iconv -f UTF-16 -t UTF-8'],
  [[0xfe, 0xff], 'is UTF-16; convert it with: iconv -f UTF-16 -t UTF-8'],
  [[0x50, 0x41, 0x52, 0x31], 'is a Parquet file; export it as CSV or NDJSON'],
];

export async function sniff(path: string): Promise<Dialect> {
  const bytes = await readStart(path);
  for (const [signature, remedy] of SIGNATURES) {
    if (signature.every((byte, i) => bytes[i] === byte))
      throw new GradloomError('FILE_FORMAT', `${path}: ${remedy}`);
  }
  const lines = new TextDecoder()
    .decode(bytes)
    .split(/\r\n|\n|\r/)
    .filter((line) => line.trim() !== '');
  const [head = '', ...rest] = lines;
  const counts = DELIMITERS.map((delimiter) => outsideQuotes(head).split(delimiter).length - 1);
  const most = Math.max(...counts);
  const delimiter = most === 0 ? ',' : (DELIMITERS[counts.indexOf(most)] as string);
  return { delimiter, decimal: delimiter === ',' ? '.' : decimalOf(rest, delimiter) };
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
