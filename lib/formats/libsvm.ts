/** The sparse text format of LIBSVM and SVMlight: a line a sample, `label feature:value feature:value ... # comment`. */
import { formatValue } from '../core/options.ts';
import { lineError } from './format-error.ts';
import { readLines } from './utf8.ts';

export interface LibsvmSample {
  /** From 1. */
  readonly line: number;
  readonly label: number;
  /** As they stand in the file. */
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

/** The samples of a file, one after another as they are read; blank lines and `qid:` are left out. */
export async function* readLibsvm(path: string): AsyncGenerator<LibsvmSample, void, void> {
  for await (const { line, text } of readLines(path)) {
    const comment = text.indexOf('#');
    const content = (comment < 0 ? text : text.slice(0, comment)).trim();
    if (content !== '') yield readSample(path, line, content.split(/\s+/));
  }
}

function readSample(path: string, line: number, [label = '', ...entries]: readonly string[]): LibsvmSample {
  const indices: number[] = [];
  const values: number[] = [];
  for (const entry of entries) {
    if (entry.startsWith('qid:')) continue;
    const colon = entry.indexOf(':');
    const index = Number(entry.slice(0, colon));
    const value = readNumber(entry.slice(colon + 1));
    if (colon < 1 || !Number.isSafeInteger(index) || index < 0 || value === undefined) {
      throw lineError(
        path,
        line,
        `expected feature:value with a number on both sides, got ${formatValue(entry)}`,
      );
    }
    indices.push(index);
    values.push(value);
  }
  const number = readNumber(label);
  if (number !== undefined) return { line, label: number, indices, values };
  throw lineError(path, line, `a line begins with its label, a number, got ${formatValue(label)}`);
}

function readNumber(text: string): number | undefined {
  const value = text === '' ? Number.NaN : Number(text);
  return Number.isFinite(Math.fround(value)) ? value : undefined;
}
